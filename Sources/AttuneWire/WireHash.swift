// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium

/// The hashes and the signature check of the sync protocol: BLAKE2b (RFC 7693), SHA-512 (FIPS 180-4), Ed25519 (RFC 8032).
package enum WireHash {
    /// True once libsodium is ready; any thread may ask first.
    static let isReady: Bool = sodium_init() >= 0

    /// BLAKE2b-256.
    ///
    /// - Parameter personal: at most 16 bytes of ASCII, filled up with zeros.
    package static func blake2b(_ bytes: [UInt8], personal: String) -> Digest256 {
        guard let digest = Digest256(raw(32, bytes, personal)) else { preconditionFailure("BLAKE2b-256 has 32 bytes") }
        return digest
    }

    /// BLAKE2b-128.
    ///
    /// - Parameter personal: at most 16 bytes of ASCII, filled up with zeros.
    package static func blake2b128(_ bytes: [UInt8], personal: String) -> [UInt8] { raw(16, bytes, personal) }

    /// SHA-512, 64 bytes.
    package static func sha512(_ bytes: [UInt8]) -> [UInt8] {
        precondition(isReady)
        var out = [UInt8](repeating: 0, count: 64)
        crypto_hash_sha512(&out, bytes, UInt64(bytes.count))
        return out
    }

    /// Whether `signature` (64 bytes) by `key` (32 bytes) is one of `message`; strict about encodings, false for other lengths.
    package static func verify(_ signature: [UInt8], of message: [UInt8], by key: [UInt8]) -> Bool {
        precondition(isReady)
        guard signature.count == 64, key.count == 32 else { return false }
        return crypto_sign_verify_detached(signature, message, UInt64(message.count), key) == 0
    }

    private static func raw(_ count: Int, _ bytes: [UInt8], _ personal: String) -> [UInt8] {
        precondition(isReady && personal.utf8.count <= 16)
        var padded = [UInt8](repeating: 0, count: 16)
        for (index, byte) in personal.utf8.enumerated() { padded[index] = byte }
        var out = [UInt8](repeating: 0, count: count)
        let status = crypto_generichash_blake2b_salt_personal(
            &out, count, bytes, UInt64(bytes.count), nil, 0, nil, padded)
        precondition(status == 0, "BLAKE2b refused its parameters")
        return out
    }
}
