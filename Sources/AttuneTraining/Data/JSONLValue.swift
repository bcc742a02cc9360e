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
        /// A number; infinite if it is beyond a Double.
        case number(Double)
        case boolean(Bool)
        case null
    }

    /// Offset in bytes of the value's first character.
    let offset: Int
    let kind: Kind

    /// Whether the value says nothing: null, or a list, an object or a string with nothing in it.
    var isNothing: Bool {
        switch kind {
        case .null: true
        case .array(let elements): elements.isEmpty
        case .object(let members): members.isEmpty
        case .string(let text): text.isEmpty
        default: false
        }
    }

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

/// What is wrong with one line, before it is known which file it stands in.
struct JSONLFailure: Error, Equatable {
    let code: DataIssueCode
    /// Offset in bytes from the start of the line.
    let offset: Int
    /// Safe to print, without a final full stop.
    let message: String
    let suggestion: String?

    init(_ code: DataIssueCode, at offset: Int, _ message: String, suggestion: String? = nil) {
        self.code = code
        self.offset = offset
        self.message = message
        self.suggestion = suggestion
    }
}
