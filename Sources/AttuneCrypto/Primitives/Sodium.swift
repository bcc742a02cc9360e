// Attune
// SPDX-License-Identifier: Apache-2.0

import CSodium

/// The start of libsodium, which has to come before its first use and may come from any thread.
enum Sodium {
    /// True once the library is ready; it fails only where no source of randomness can be opened.
    static let isReady: Bool = sodium_init() >= 0

    /// Fills memory from the kernel's random source.
    static func fillRandom(_ bytes: UnsafeMutableRawBufferPointer) {
        precondition(isReady, "libsodium found no source of randomness")
        if let base = bytes.baseAddress { randombytes_buf(base, bytes.count) }
    }

    /// `count` public random bytes: identifiers, salts and nonces, never keys.
    static func random(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            fillRandom(UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]))
            initialized = count
        }
    }
}
