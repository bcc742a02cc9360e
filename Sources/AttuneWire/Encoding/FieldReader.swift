// Attune
// SPDX-License-Identifier: Apache-2.0

/// Walks over the fields of a serialised message without making a message of it.
struct FieldReader {
    private var rest: ArraySlice<UInt8>
    /// Whether something was met that is no field; the walk ends there.
    private(set) var isBroken = false

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// The next field's number and, if its length is written before it, its bytes; nil at the end.
    mutating func next() -> (number: UInt64, bytes: ArraySlice<UInt8>?)? {
        guard !rest.isEmpty else { return nil }
        guard let tag = varint(), let length = length(ofType: tag & 7), length <= UInt64(rest.count) else {
            isBroken = true
            rest = []
            return nil
        }
        let bytes = rest.prefix(Int(length))
        rest = rest.dropFirst(Int(length))
        return (tag >> 3, tag & 7 == 2 ? bytes : nil)
    }

    /// The fields that come next, all with this number and so many bytes, as one stretch: two bytes before those of each.
    ///
    /// - Parameters:
    ///   - number: below 16, so that one byte names it.
    ///   - length: below 128.
    mutating func run(of number: UInt8, length: UInt8) -> ArraySlice<UInt8> {
        let (tag, size) = (number << 3 | 2, Int(length) + 2)
        let count = rest.withUnsafeBytes { bytes in
            var end = 0
            while bytes.count - end >= size, bytes[end] == tag, bytes[end + 1] == length { end += size }
            return end
        }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    private mutating func length(ofType type: UInt64) -> UInt64? {
        switch type {
        case 0: varint() == nil ? nil : 0
        case 1: 8
        case 2: varint()
        case 5: 4
        default: nil
        }
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }
}
