// Attune
// SPDX-License-Identifier: Apache-2.0

import CSodium
import Foundation

/// Bytes that must not leak: locked against swapping, fenced by guard pages, left out of core dumps, wiped at the end.
///
/// There is one owner and no implicit copy; nothing prints, encodes or compares it but `isEqual`. Each instance costs
/// three to four pages, so it is for a few keys and passphrases, not for bulk data.
package struct SecretBytes: ~Copyable, @unchecked Sendable {  // one owner; shared use is read-only
    /// Count of bytes; 0 is allowed.
    package let count: Int
    private let base: UnsafeMutableRawPointer

    /// Makes `count` zero bytes.
    package init(count: Int) {
        precondition(count >= 0 && Sodium.isReady, "libsodium is not ready")
        // A zero-sized request still gets an address of its own.
        guard let base = sodium_malloc(max(count, 1)) else { preconditionFailure("out of lockable memory") }
        sodium_memzero(base, max(count, 1))
        self.base = base
        self.count = count
    }

    /// Makes `count` bytes from the kernel's random source.
    package init(random count: Int) {
        self.init(count: count)
        randombytes_buf(base, count)
    }

    /// Copies `bytes`; wiping the original stays with the caller.
    package init(copying bytes: UnsafeRawBufferPointer) {
        self.init(count: bytes.count)
        if let source = bytes.baseAddress { base.copyMemory(from: source, byteCount: bytes.count) }
    }

    /// Copies `bytes`; wiping the original stays with the caller.
    package init(copying bytes: [UInt8]) {
        self.init(count: bytes.count)
        bytes.withUnsafeBytes { source in
            if let start = source.baseAddress { base.copyMemory(from: start, byteCount: source.count) }
        }
    }

    /// Copies `bytes` and wipes the array, which is empty afterwards.
    package init(consuming bytes: inout [UInt8]) {
        self.init(copying: bytes)
        bytes.withUnsafeMutableBytes { source in
            if let start = source.baseAddress { sodium_memzero(start, source.count) }
        }
        bytes.removeAll(keepingCapacity: false)
    }

    deinit { sodium_free(base) }

    /// Reads the bytes in place; the pointer must not leave `body`.
    package borrowing func withUnsafeBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// Changes the bytes in place; the pointer must not leave `body`.
    package mutating func withUnsafeMutableBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeMutableRawBufferPointer(start: base, count: count))
    }

    /// A second owner of the same bytes.
    package borrowing func copy() -> SecretBytes { prefix(count) }

    /// The first `length` bytes as a new secret; `length` is at most `count`.
    package borrowing func prefix(_ length: Int) -> SecretBytes {
        precondition(length <= count)
        return SecretBytes(copying: UnsafeRawBufferPointer(start: base, count: length))
    }

    /// Compares without telling by the time taken where the first difference is; counts are not secret.
    package borrowing func isEqual(to other: borrowing SecretBytes) -> Bool {
        count == other.count && sodium_memcmp(base, other.base, count) == 0
    }
}

extension SecretBytes {
    /// The start of the bytes as libsodium wants it; only inside this target and only while `self` lives.
    borrowing func withPointer<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafePointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafePointer(base.assumingMemoryBound(to: UInt8.self)))
    }

    /// The start of the bytes for libsodium to write to.
    mutating func withMutablePointer<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeMutablePointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(base.assumingMemoryBound(to: UInt8.self))
    }
}

extension SecretBytes {
    /// Copies what another library gave and wipes it; `bytes` must have no other owner.
    init(consuming bytes: inout Data) {
        self.init(count: bytes.count)
        withUnsafeMutableBytes { _ = bytes.copyBytes(to: $0) }
        bytes.resetBytes(in: bytes.startIndex..<bytes.endIndex)
    }
}
