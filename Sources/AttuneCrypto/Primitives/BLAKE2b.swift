// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium

/// BLAKE2b with 32 bytes of output (RFC 7693), plain, keyed or with a personal string.
package enum BLAKE2b {
    /// Hashes `bytes`.
    ///
    /// - Parameter personal: at most 16 bytes of ASCII, filled up with zeros; nil for none.
    package static func hash(_ bytes: UnsafeRawBufferPointer, personal: String? = nil) -> Digest256 {
        digest(bytes, key: nil, personal: personal)
    }

    /// Hashes `bytes`.
    package static func hash(_ bytes: [UInt8], personal: String? = nil) -> Digest256 {
        bytes.withUnsafeBytes { digest($0, key: nil, personal: personal) }
    }

    /// Authenticates `bytes` with `key`, which has 16 to 64 bytes.
    package static func hash(
        _ bytes: UnsafeRawBufferPointer, key: borrowing SecretBytes, personal: String? = nil
    ) -> Digest256 {
        key.withUnsafeBytes { digest(bytes, key: $0, personal: personal) }
    }

    /// Authenticates `bytes` with `key`, which has 16 to 64 bytes.
    package static func hash(_ bytes: [UInt8], key: borrowing SecretBytes, personal: String? = nil) -> Digest256 {
        bytes.withUnsafeBytes { hash($0, key: key, personal: personal) }
    }

    /// Hashes a file of any size, reading it once from start to end.
    ///
    /// - Throws: `CryptoError` E-FILE-003 if it cannot be opened or read.
    package static func hash(file path: String) throws -> Digest256 {
        var state = Incremental()
        try FileBytes.read(path) { state.update($0) }
        return state.finish()
    }

    static func digest(_ bytes: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer?, personal: String?) -> Digest256 {
        let out = raw(count: 32, bytes, key: key, personal: personal)
        guard let digest = Digest256(out) else { preconditionFailure("BLAKE2b gave another length than asked") }
        return digest
    }

    /// `count` bytes (1 to 64) of output.
    static func raw(
        count: Int, _ bytes: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer?, personal: String?
    ) -> [UInt8] {
        precondition(Sodium.isReady && (personal?.utf8.count ?? 0) <= 16 && (key?.count ?? 0) <= 64)
        var padded = [UInt8](repeating: 0, count: 16)
        for (index, byte) in (personal ?? "").utf8.enumerated() { padded[index] = byte }
        var out = [UInt8](repeating: 0, count: count)
        let status = crypto_generichash_blake2b_salt_personal(
            &out, count, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count),
            key?.baseAddress?.assumingMemoryBound(to: UInt8.self), key?.count ?? 0, nil, padded)
        precondition(status == 0, "BLAKE2b refused its parameters")
        return out
    }
}

extension BLAKE2b {
    /// A hash that takes its bytes piece by piece; the pieces' borders do not matter.
    package struct Incremental: ~Copyable {
        // libsodium wants the state at 64-byte borders, which a Swift value does not promise.
        private let state: UnsafeMutableRawPointer

        package init() {
            precondition(Sodium.isReady)
            state = .allocate(byteCount: crypto_generichash_statebytes(), alignment: 64)
            _ = crypto_generichash_init(OpaquePointer(state), nil, 0, 32)
        }

        deinit {
            sodium_memzero(state, crypto_generichash_statebytes())
            state.deallocate()
        }

        /// Hashes the next bytes.
        package mutating func update(_ bytes: UnsafeRawBufferPointer) {
            _ = crypto_generichash_update(
                OpaquePointer(state), bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
        }

        /// Hashes the next bytes.
        package mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

        /// The digest of all bytes so far; nothing may be added afterwards.
        package consuming func finish() -> Digest256 {
            var out = [UInt8](repeating: 0, count: 32)
            _ = crypto_generichash_final(OpaquePointer(state), &out, 32)
            guard let digest = Digest256(out) else { preconditionFailure("BLAKE2b gave another length than asked") }
            return digest
        }
    }
}
