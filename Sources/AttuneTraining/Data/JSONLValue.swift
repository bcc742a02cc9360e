// Attune
// SPDX-License-Identifier: Apache-2.0

/// A JSON value and where it starts in its line.
struct JSONLValue {
    struct Member {
        let key: String
        /// Offset in bytes of the key's opening quote.
        let keyOffset: Int
        let value: JSONLValue
    }

    enum Kind {
        case string(String)
        case object([Member])
        case array([JSONLValue])
        /// A number, true, false or null: only its kind is kept, since no shape uses one.
        case number, boolean, null
    }

    /// Offset in bytes of the value's first character.
    let offset: Int
    let kind: Kind

    /// The kind in words, for messages.
    var name: String {
        switch kind {
        case .string: "a string"
        case .object: "an object"
        case .array: "a list"
        case .number: "a number"
        case .boolean: "true or false"
        case .null: "null"
        }
    }
}
