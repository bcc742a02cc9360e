// Attune
// SPDX-License-Identifier: Apache-2.0

/// A 32-byte digest, written as 64 lower-case hexadecimal digits.
package struct Digest256: Hashable, Sendable, Comparable, CustomStringConvertible, Codable {
    /// Exactly 32 bytes.
    package let bytes: [UInt8]

    /// Fails unless there are exactly 32 bytes.
    package init?(_ bytes: some Sequence<UInt8>) { self.init(Array(bytes)[...]) }

    /// Fails unless there are exactly 32 bytes.
    package init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.count == 32 else { return nil }
        self.bytes = Array(bytes)
    }

    /// Fails unless the text is exactly 64 hexadecimal digits.
    package init?(hex: String) {
        guard let decoded = Hex.decode(hex) else { return nil }
        self.init(decoded)
    }

    package var description: String { Hex.encode(bytes) }

    /// The first 12 digits, enough to tell files apart on a screen.
    package var short: String { String(description.prefix(12)) }

    package static func < (left: Digest256, right: Digest256) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let value = Digest256(hex: text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not 64 hexadecimal digits"))
        }
        self = value
    }

    /// Writes the digest as its hexadecimal digits.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
