// Attune
// SPDX-License-Identifier: Apache-2.0

/// The id of a training run: as few hexadecimal digits as tell it from others of the store, for people to type.
package struct RunID: Hashable, Sendable, CustomStringConvertible, Codable {
    package let description: String

    /// Takes what a person typed, in capitals too; whether there is such a run is for the store to say.
    package init(_ text: String) { description = text.lowercased() }

    package init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }

    /// Writes the digits.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
