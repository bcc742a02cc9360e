// Attune
// SPDX-License-Identifier: Apache-2.0

/// A JSON value that keeps what Foundation's readers lose: how a number was written and the order of names.
///
/// `8` and `8.0` stay apart, so a file that is read and written again keeps its bytes.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    /// The number as it was written.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])

    /// A whole number as JSON writes it.
    package static func number(_ value: Int) -> JSONValue { .number(String(value)) }

    /// The shortest text that reads back as `value`; whole numbers without a fraction.
    package static func number(_ value: Float) -> JSONValue {
        if let whole = Int(exactly: value) { return .number(whole) }
        return .number(value.description)
    }

    package subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The object with one member replaced or added; other values stay as they are.
    package func setting(_ name: String, _ value: JSONValue) -> JSONValue {
        guard case .object(var members) = self else { return self }
        if let index = members.firstIndex(where: { $0.name == name }) {
            members[index] = JSONMember(name: name, value: value)
        } else {
            members.append(JSONMember(name: name, value: value))
        }
        return .object(members)
    }

    package var text: String? { if case .string(let text) = self { text } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var double: Double? { if case .number(let text) = self { Double(text) } else { nil } }
    package var integer: Int? { if case .number(let text) = self { Int(text) } else { nil } }
    package var elements: [JSONValue]? { if case .array(let values) = self { values } else { nil } }
    package var members: [JSONMember]? { if case .object(let members) = self { members } else { nil } }
}

/// One name and value of a JSON object.
package struct JSONMember: Hashable, Sendable {
    package let name: String
    package let value: JSONValue

    package init(name: String, value: JSONValue) {
        self.name = name
        self.value = value
    }
}
