// Attune
// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

extension ProtoLinks {
    /// Parses the links of a circle; each of them is still to be parsed and verified.
    ///
    /// They are counted before anything is made of them: an empty link is two bytes here and fifty times that in memory.
    ///
    /// - Throws: `WireError` E-WIRE-001.
    package init(parsing bytes: [UInt8]) throws {
        var options = BinaryDecodingOptions()
        options.discardUnknownFields = true
        options.messageDepthLimit = WireLimits.depth
        guard Self.fieldCount(bytes, limit: Int(WireLimits.links)) != nil,
            let message = try? ProtoLinks(serializedBytes: bytes, options: options)
        else { throw WireError.link("no message of at most \(WireLimits.links) links") }
        self = message
    }

    /// Fields of the outermost message; nil if there are more than `limit`, or something that is no field.
    static func fieldCount(_ bytes: [UInt8], limit: Int) -> Int? {
        var rest = bytes[...]
        var count = 0
        while !rest.isEmpty {
            guard count < limit, let tag = varint(&rest) else { return nil }
            count += 1
            let length: UInt64
            switch tag & 7 {
            case 0:
                guard varint(&rest) != nil else { return nil }
                length = 0
            case 1: length = 8
            case 2:
                guard let size = varint(&rest) else { return nil }
                length = size
            case 5: length = 4
            default: return nil
            }
            guard length <= UInt64(rest.count) else { return nil }
            rest = rest.dropFirst(Int(length))
        }
        return count
    }

    private static func varint(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }
}
