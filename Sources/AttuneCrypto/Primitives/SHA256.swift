// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium

/// SHA-256 (FIPS 180-4), for digests that other programs publish.
package enum SHA256 {
    /// The digest of `bytes`.
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> Digest256 {
        var out = [UInt8](repeating: 0, count: 32)
        _ = crypto_hash_sha256(&out, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
        return digest(out)
    }

    /// The digest of `bytes`.
    package static func hash(_ bytes: [UInt8]) -> Digest256 { bytes.withUnsafeBytes { hash($0) } }

    /// Hashes a file of any size, reading it once from start to end.
    ///
    /// - Throws: `CryptoError` E-FILE-003 if it cannot be opened or read.
    package static func hash(file path: String) throws -> Digest256 {
        var state = crypto_hash_sha256_state()
        crypto_hash_sha256_init(&state)
        try FileBytes.read(path) { bytes in
            _ = crypto_hash_sha256_update(
                &state, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
        }
        var out = [UInt8](repeating: 0, count: 32)
        crypto_hash_sha256_final(&state, &out)
        return digest(out)
    }

    private static func digest(_ bytes: [UInt8]) -> Digest256 {
        guard let digest = Digest256(bytes) else { preconditionFailure("SHA-256 has 32 bytes") }
        return digest
    }
}
