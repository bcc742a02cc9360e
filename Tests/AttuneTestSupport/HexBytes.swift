// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Bytes that a vector writes as hexadecimal digits.
package struct HexBytes: Decodable, Sendable {
    package let bytes: [UInt8]

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let bytes = Hex.decode(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not hexadecimal digits"))
        }
        self.bytes = bytes
    }
}
