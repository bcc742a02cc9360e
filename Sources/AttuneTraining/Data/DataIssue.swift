// Attune
// SPDX-License-Identifier: Apache-2.0

/// One thing that is wrong with the training data, and the exact place.
package struct DataIssue: Codable, Hashable, Sendable {
    /// The path a person can open; not escaped, see `description`.
    package var file: String
    /// Line from 1; nil where the failure is the file's.
    package var line: Int?
    /// Column from 1, counted in Unicode scalars; a byte order mark does not count.
    package var column: Int?
    package var code: DataIssueCode
    /// What is wrong, safe to print, without a final full stop.
    package var message: String
    /// The word that was probably meant.
    package var suggestion: String?

    package init(
        file: String, line: Int? = nil, column: Int? = nil, code: DataIssueCode, message: String,
        suggestion: String? = nil
    ) {
        self.file = file
        self.line = line
        self.column = column
        self.code = code
        self.message = message
        self.suggestion = suggestion
    }
}

extension DataIssue: CustomStringConvertible {
    /// `file:line:column CODE message (did you mean "word"?)`, one line, safe to print.
    package var description: String {
        var text = Printable.path(file)
        if let line { text += ":\(line)" }
        if let column { text += ":\(column)" }
        text += " \(code.rawValue) \(message)"
        if let suggestion { text += " (did you mean \"\(suggestion)\"?)" }
        return text
    }
}
