// Attune
// SPDX-License-Identifier: Apache-2.0

/// Text of others where it is shown: it stays on its line and looks like what it is.
package enum ShownText {
    /// Whether a character only shows itself: no control or formatting character, no end of a line, nothing unassigned.
    package static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        default: true
        }
    }

    /// Whether a text may be a name: 1 to `limit` bytes of UTF-8, and plain characters alone.
    package static func isName(_ text: String, limit: Int) -> Bool {
        (1...limit).contains(text.utf8.count) && text.unicodeScalars.allSatisfy(isPlain)
    }

    /// The text on one line, every character that is not plain written out as `\u{a}`.
    package static func line(_ text: String) -> String {
        guard !text.unicodeScalars.allSatisfy(isPlain) else { return text }
        return text.unicodeScalars.reduce(into: "") { line, scalar in
            if isPlain(scalar) {
                line.unicodeScalars.append(scalar)
            } else {
                line += "\\u{" + String(scalar.value, radix: 16) + "}"
            }
        }
    }
}
