// Attune
// SPDX-License-Identifier: Apache-2.0

/// Text made harmless for a terminal: answers of a model, names and paths may hold what a terminal would obey.
enum TerminalText {
    /// The styles that this program writes itself; whoever else writes them does no harm.
    private static let styles = ["\u{1B}[0m", "\u{1B}[1m", "\u{1B}[2m", "\u{1B}[32m"]

    /// The text with control characters and changes of the writing direction written out as `\u{1b}`.
    ///
    /// Line feeds, tabs and the styles stay; carriage returns, which would let a line write over itself, go.
    ///
    /// - Parameter json: writes them out as JSON does, `\u001b`.
    static func harmless(_ text: String, json: Bool = false) -> String {
        guard text.unicodeScalars.contains(where: isObeyed) else { return text }
        var result = ""
        var rest = text.unicodeScalars[...]
        while let scalar = rest.first {
            if scalar == "\u{1B}", let style = styles.first(where: { rest.starts(with: $0.unicodeScalars) }) {
                result += style
                rest.removeFirst(style.unicodeScalars.count)
                continue
            }
            rest.removeFirst()
            if scalar == "\r" { continue }
            guard isObeyed(scalar) else {
                result.unicodeScalars.append(scalar)
                continue
            }
            let digits = String(scalar.value, radix: 16)
            result +=
                json ? "\\u" + String(repeating: "0", count: 4 - digits.count) + digits : "\\u{" + digits + "}"
        }
        return result
    }

    /// A label and a text in lines of at most so many columns, broken between words; later lines stand below the text.
    static func wrapped(_ text: String, label: String, columns: Int) -> String {
        let indent = String(repeating: " ", count: label.count)
        guard columns > 3 * label.count else { return label + text }
        var lines: [String] = []
        var line = label
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            if line.count > label.count, line.count + 1 + word.count > columns {
                lines.append(line)
                line = indent
            }
            line += (line.count > label.count ? " " : "") + word
        }
        return (lines + [line]).joined(separator: "\n")
    }

    /// Pieces in lines of at most so many columns, broken between pieces where one fits into a line, and within it else.
    static func wrapped(_ pieces: [String], between separator: String, indent: String, columns: Int) -> String {
        let end = separator.reversed().drop { $0 == " " }.count
        var lines: [String] = []
        var line = ""
        for (index, piece) in pieces.enumerated() {
            let isLast = index == pieces.count - 1
            let next = line.isEmpty ? piece : line + separator + piece
            if !line.isEmpty, indent.count + next.count + (isLast ? 0 : end) > columns {
                lines.append(line + separator.prefix(end))
                line = piece
            } else {
                line = next
            }
        }
        return wrapped((lines + [line]).map { indent + $0 }.joined(separator: "\n"), columns: columns)
    }

    /// Every line in lines of at most so many columns, broken between words and set in as far as its start is.
    static func wrapped(_ text: String, columns: Int) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            guard line.count > columns else { return String(line) }
            let start = line.prefix { $0 == " " }
            return wrapped(String(line.dropFirst(start.count)), label: String(start), columns: columns)
        }.joined(separator: "\n")
    }

    private static func isObeyed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A: false
        case ..<0x20, 0x7F...0x9F: true
        // Embeddings, overrides and isolates can show a text in another order than it has.
        case 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
