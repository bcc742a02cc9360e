// Attune
// SPDX-License-Identifier: Apache-2.0

import CSodium

/// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a random nonce in front: nonce 24 ‖ ciphertext ‖ tag 16.
enum AEAD {
    static let overhead = 40

    /// Seals `plaintext`.
    ///
    /// - Parameters:
    ///   - key: 32 bytes.
    ///   - nonce: 24 bytes; random unless a test fixes it.
    static func seal(
        _ plaintext: UnsafeRawBufferPointer, key: borrowing SecretBytes, associatedData: [UInt8], nonce: [UInt8]? = nil
    ) -> [UInt8] {
        precondition(key.count == 32 && nonce.map { $0.count == 24 } ?? true)
        let nonce = nonce ?? Sodium.random(24)
        var sealed = nonce + [UInt8](repeating: 0, count: plaintext.count + 16)
        sealed.withUnsafeMutableBufferPointer { out in
            key.withPointer { key in
                _ = crypto_aead_xchacha20poly1305_ietf_encrypt(
                    out.baseAddress! + 24, nil, plaintext.baseAddress?.assumingMemoryBound(to: UInt8.self),
                    UInt64(plaintext.count), associatedData, UInt64(associatedData.count), nil, nonce, key)
            }
        }
        return sealed
    }

    /// Opens what `seal` made; nil if it was changed or made with another key or associated data.
    static func open(_ sealed: [UInt8], key: borrowing SecretBytes, associatedData: [UInt8]) -> SecretBytes? {
        precondition(key.count == 32)
        guard sealed.count >= overhead else { return nil }
        var plaintext = SecretBytes(count: sealed.count - overhead)
        let opened = plaintext.withMutablePointer { open(sealed, into: $0, key: key, associatedData: associatedData) }
        guard opened else { return nil }
        return plaintext
    }

    /// As `open`, into an ordinary array: for what is too large to lock in memory, or is shown anyway.
    static func openArray(_ sealed: [UInt8], key: borrowing SecretBytes, associatedData: [UInt8]) -> [UInt8]? {
        precondition(key.count == 32)
        guard sealed.count >= overhead else { return nil }
        var plaintext = [UInt8](repeating: 0, count: sealed.count - overhead)
        let opened = plaintext.withUnsafeMutableBufferPointer { out in
            // An empty array has no address of its own, and nothing is written to this one.
            var nothing: UInt8 = 0
            return withUnsafeMutablePointer(to: &nothing) {
                open(sealed, into: out.baseAddress ?? $0, key: key, associatedData: associatedData)
            }
        }
        return opened ? plaintext : nil
    }

    private static func open(
        _ sealed: [UInt8], into out: UnsafeMutablePointer<UInt8>, key: borrowing SecretBytes, associatedData: [UInt8]
    ) -> Bool {
        key.withPointer { key in
            sealed.withUnsafeBufferPointer { sealed in
                crypto_aead_xchacha20poly1305_ietf_decrypt(
                    out, nil, nil, sealed.baseAddress! + 24, UInt64(sealed.count - 24), associatedData,
                    UInt64(associatedData.count), sealed.baseAddress!, key) == 0
            }
        }
    }
}
