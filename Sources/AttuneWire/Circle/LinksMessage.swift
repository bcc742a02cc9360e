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
        var fields = FieldReader(bytes[...])
        var count = 0
        while fields.next() != nil {
            count += 1
            guard count <= limit else { return nil }
        }
        return fields.isBroken ? nil : count
    }
}
