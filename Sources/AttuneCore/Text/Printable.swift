// Attune
// SPDX-License-Identifier: Apache-2.0

/// Makes names and values of unknown origin safe to show on a terminal and in a log line.
///
/// Control, format (right-to-left overrides among them) and separator characters become `\u{…}`, and a backslash is
/// doubled, so that what is shown cannot move the cursor, start a line or pose as another name.
package enum Printable {
    /// A path as part of `file:line:column`: colons are escaped as well, so that the numbers cannot be forged.
    package static func path(_ name: String) -> String { escaped(name, also: ":") }

    /// A value in double quotes, cut after `limit` characters with an ellipsis.
    package static func quoted(_ value: String, limit: Int = 40) -> String {
        let scalars = value.unicodeScalars
        guard let end = scalars.index(scalars.startIndex, offsetBy: limit, limitedBy: scalars.endIndex),
            end < scalars.endIndex
        else { return "\"" + escaped(value, also: "\"") + "\"" }
        return "\"" + escaped(String(scalars[..<end]), also: "\"") + "…\""
    }

    /// The text with everything escaped that a terminal could obey.
    package static func escaped(_ text: String, also extra: Unicode.Scalar? = nil) -> String {
        escape(text, doublesBackslash: true) { $0 == extra || isUnsafe($0) }
    }

    /// Text of several lines as it stands, but for what a terminal could obey: line feeds and tabs stay.
    package static func text(_ text: String) -> String {
        escape(text, doublesBackslash: false) { $0 != "\n" && $0 != "\t" && isUnsafe($0) }
    }

    private static func escape(
        _ text: String, doublesBackslash: Bool, _ isEscaped: (Unicode.Scalar) -> Bool
    ) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if doublesBackslash, scalar == "\\" {
                result += "\\\\"
            } else if isEscaped(scalar) {
                result += "\\u{" + String(scalar.value, radix: 16) + "}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7F { return scalar.value < 0x20 }
        return switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
        default: false
        }
    }
}
