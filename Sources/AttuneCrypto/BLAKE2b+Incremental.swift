// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium

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
