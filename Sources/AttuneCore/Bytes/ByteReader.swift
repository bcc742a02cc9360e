// Attune
// SPDX-License-Identifier: Apache-2.0

/// Reads integers and byte runs from untrusted memory, checking every length before it is used.
///
/// The reader does not own the memory: it lives inside the `withUnsafeBytes` call that made it.
package struct ByteReader {
    /// What went wrong while reading; callers wrap it in the error of their format.
    package enum Failure: Error, Equatable, Sendable {
        /// `needed` bytes were asked for at `offset`, and only `available` are left.
        case truncated(offset: Int, needed: UInt64, available: Int)
        /// The run of bytes at `offset` is not valid UTF-8.
        case invalidUTF8(offset: Int)
    }

    private let bytes: UnsafeRawBufferPointer
    /// Offset of the next unread byte.
    package private(set) var offset = 0

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Count of unread bytes.
    package var remaining: Int { bytes.count - offset }

    /// Reads an integer stored with its lowest byte first; needs no alignment.
    package mutating func littleEndian<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(Failure)
        -> Value
    {
        Value(littleEndian: try raw(type))
    }

    /// Reads an integer stored with its highest byte first; needs no alignment.
    package mutating func bigEndian<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(Failure) -> Value
    {
        Value(bigEndian: try raw(type))
    }

    /// Reads `count` bytes without copying them.
    package mutating func run(_ count: UInt64) throws(Failure) -> UnsafeRawBufferPointer {
        guard count <= UInt64(remaining) else {
            throw .truncated(offset: offset, needed: count, available: remaining)
        }
        defer { offset += Int(count) }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + Int(count)])
    }

    /// Reads `count` bytes into an array.
    package mutating func array(_ count: Int) throws(Failure) -> [UInt8] { Array(try run(UInt64(count))) }

    /// Reads `count` bytes of UTF-8.
    package mutating func string(_ count: UInt64) throws(Failure) -> String {
        let start = offset
        let text = try run(count)
        guard let value = String(validating: text, as: UTF8.self) else { throw .invalidUTF8(offset: start) }
        return value
    }

    private mutating func raw<Value: FixedWidthInteger>(_ type: Value.Type) throws(Failure) -> Value {
        let size = MemoryLayout<Value>.size
        return try run(UInt64(size)).loadUnaligned(as: type)
    }
}
