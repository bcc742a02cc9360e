// Attune
// SPDX-License-Identifier: Apache-2.0

/// Writes JSON the way Python's `json.dumps` does, which the files of PEFT and safetensors come from.
package enum JSONWriter {
    /// One line without spaces, names in the order given: the header of safetensors.
    package static func compact(_ value: JSONValue) -> String {
        var text = ""
        write(value, to: &text, indent: nil, level: 0, ascii: false)
        return text
    }

    /// `indent=2, sort_keys=True` with everything beyond ASCII escaped: `adapter_config.json`.
    package static func indented(_ value: JSONValue) -> String {
        var text = ""
        write(value, to: &text, indent: 2, level: 0, ascii: true)
        return text
    }

    private static func write(_ value: JSONValue, to text: inout String, indent: Int?, level: Int, ascii: Bool) {
        switch value {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .number(let number): text += number
        case .string(let string): quote(string, to: &text, ascii: ascii)
        case .array(let values):
            list(values, open: "[", close: "]", to: &text, indent: indent, level: level) { value, text in
                write(value, to: &text, indent: indent, level: level + 1, ascii: ascii)
            }
        case .object(let members):
            // Python compares code points; for valid UTF-8 the order of bytes is the same.
            let ordered =
                indent == nil ? members : members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
            list(ordered, open: "{", close: "}", to: &text, indent: indent, level: level) { member, text in
                quote(member.name, to: &text, ascii: ascii)
                text += indent == nil ? ":" : ": "
                write(member.value, to: &text, indent: indent, level: level + 1, ascii: ascii)
            }
        }
    }

    private static func list<Item>(
        _ items: [Item], open: String, close: String, to text: inout String, indent: Int?, level: Int,
        write: (Item, inout String) -> Void
    ) {
        text += open
        for (index, item) in items.enumerated() {
            if index > 0 { text += "," }
            if let indent { text += "\n" + String(repeating: " ", count: indent * (level + 1)) }
            write(item, &text)
        }
        if let indent, !items.isEmpty { text += "\n" + String(repeating: " ", count: indent * level) }
        text += close
    }

    private static func quote(_ string: String, to text: inout String, ascii: Bool) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{8}": text += "\\b"
            case "\u{c}": text += "\\f"
            default:
                if scalar.value < 32 || (ascii && scalar.value > 126) {
                    for unit in Character(scalar).utf16 { text += "\\u" + fourDigits(unit) }
                } else {
                    text.unicodeScalars.append(scalar)
                }
            }
        }
        text += "\""
    }

    private static func fourDigits(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }
}
