// Attune
// SPDX-License-Identifier: Apache-2.0

/// Text of others where it is shown: it stays on its line and looks like what it is.
package enum ShownText {
    /// Whether a character shows itself: no control or formatting character, no end of a line, nothing unassigned, and
    /// nothing that takes no place, but for what chooses between two looks of the character before.
    package static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        default: !scalar.properties.isDefaultIgnorableCodePoint || isVariationSelector(scalar)
        }
    }

    /// Whether a text may be a name: 1 to `limit` bytes of UTF-8 that can be seen, so that two names that differ look it.
    ///
    /// Spaces are plain ones, alone and between other characters.
    package static func isName(_ text: String, limit: Int) -> Bool {
        (1...limit).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy {
                isPlain($0) && !isVariationSelector($0) && ($0 == " " || !isBlank($0))
            }
            && !text.hasPrefix(" ") && !text.hasSuffix(" ") && !text.contains("  ")
    }

    /// The text with every character outside ASCII written out, which shows two apart that look the same.
    package static func spelled(_ text: String) -> String {
        text.unicodeScalars.map { $0.isASCII ? String($0) : "\\u{" + String($0.value, radix: 16) + "}" }.joined()
    }

    private static func isVariationSelector(_ scalar: Unicode.Scalar) -> Bool {
        (0xFE00...0xFE0F).contains(scalar.value)
    }

    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        // A cell of Braille without dots is a symbol to Unicode.
        scalar.properties.generalCategory == .spaceSeparator || scalar.value == 0x2800
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
