// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium

/// The secret keys of a device: Ed25519 for links, entries and requests, X-Wing for envelopes, P-256 for TLS.
package final class DeviceKeys: Sendable {
    package let publicKeys: DevicePublicKeys
    private let signingSeed: SecretBytes
    private let signingKey: SecretBytes
    private let sealingSeed: SecretBytes
    /// Empty for the recovery words.
    private let tlsKey: SecretBytes

    /// Fresh keys from the kernel's random source.
    package static func generate() throws -> DeviceKeys {
        try DeviceKeys(
            signingSeed: SecretBytes(random: 32), sealingSeed: SecretBytes(random: 32), tlsKey: TLSKey.generate())
    }

    /// - Parameters:
    ///   - signingSeed: 32 bytes.
    ///   - sealingSeed: 32 bytes.
    ///   - tlsKey: a P-256 scalar of 32 bytes; empty for the recovery words.
    /// - Throws: `CryptoError` E-KEY-040 if the scalar is not one.
    init(signingSeed: consuming SecretBytes, sealingSeed: consuming SecretBytes, tlsKey: consuming SecretBytes) throws {
        precondition(signingSeed.count == 32 && sealingSeed.count == 32)
        var publicKey = [UInt8](repeating: 0, count: 32)
        var secretKey = SecretBytes(count: 64)
        signingSeed.withPointer { seed in
            secretKey.withMutablePointer { secret in
                _ = crypto_sign_seed_keypair(&publicKey, secret, seed)
            }
        }
        publicKeys = DevicePublicKeys(
            signingKey: publicKey, sealingKey: try Envelope.publicKey(of: sealingSeed),
            tlsKeyHash: tlsKey.count == 0 ? [] : try TLSKey.hash(of: tlsKey))
        self.signingSeed = signingSeed
        self.sealingSeed = sealingSeed
        self.tlsKey = tlsKey
        signingKey = secretKey
    }

    /// An Ed25519 signature (RFC 8032), 64 bytes.
    package func sign(_ message: [UInt8]) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: 64)
        signingKey.withPointer { key in
            _ = crypto_sign_detached(&signature, nil, message, UInt64(message.count), key)
        }
        return signature
    }

    /// Opens a key that was sealed for this device.
    ///
    /// - Throws: `CryptoError` E-KEY-041 if it was changed, or sealed for another device or purpose.
    package func open(_ envelope: [UInt8], info: [UInt8]) throws -> SecretBytes {
        try Envelope.open(envelope, sealingSeed: sealingSeed, info: info)
    }

    /// The key and certificate that the device shows on the local network; nil for the recovery words.
    package func tlsIdentity() throws -> TLSIdentity? {
        guard tlsKey.count > 0 else { return nil }
        return try TLSKey.identity(tlsKey)
    }

    /// The keys sealed for keeping: nonce 24 ‖ 96 bytes sealed ‖ tag 16 under subkey 1 `ATseals_` of the vault key.
    ///
    /// - Parameter vaultKey: 32 bytes.
    package func sealed(under vaultKey: borrowing SecretBytes) -> [UInt8] {
        precondition(tlsKey.count == 32, "the recovery words are not kept")
        var all = SecretBytes(count: 96)
        all.withUnsafeMutableBytes { target in
            signingSeed.withUnsafeBytes { target.copyMemory(from: $0) }
            sealingSeed.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: target[32...]).copyMemory(from: $0) }
            tlsKey.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: target[64...]).copyMemory(from: $0) }
        }
        let key = KeyDerivation.subkey(of: vaultKey, id: 1, context: "ATseals_")
        return all.withUnsafeBytes { AEAD.seal($0, key: key, associatedData: Self.purpose) }
    }

    /// Opens what `sealed(under:)` made.
    ///
    /// - Parameter vaultKey: 32 bytes.
    /// - Throws: `CryptoError` E-KEY-040.
    package convenience init(opening sealed: [UInt8], vaultKey: borrowing SecretBytes) throws {
        let key = KeyDerivation.subkey(of: vaultKey, id: 1, context: "ATseals_")
        guard sealed.count == 96 + AEAD.overhead,
            let all = AEAD.open(sealed, key: key, associatedData: Self.purpose)
        else { throw CryptoError.deviceKeysDamaged }
        try self.init(
            signingSeed: all.slice(0..<32), sealingSeed: all.slice(32..<64), tlsKey: all.slice(64..<96))
    }

    private static let purpose = Array("attune/v1/device\0".utf8)
}

extension SecretBytes {
    /// Some of the bytes as a new secret.
    borrowing func slice(_ range: Range<Int>) -> SecretBytes {
        withUnsafeBytes { SecretBytes(copying: UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
}
