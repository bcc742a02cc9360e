// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTraining

/// What was found in training data: what is wrong, what was passed over, and how much is left.
package struct DataFindings: Sendable, Encodable {
    /// A place where something is wrong.
    package struct Issue: Sendable, Encodable {
        package let file: String
        package let line: Int?
        package let column: Int?
        package let code: String
        package let message: String
        package let suggestion: String?
        /// `file:line:column CODE message`, safe to print.
        package let text: String

        private enum CodingKeys: CodingKey { case file, line, column, code, message, suggestion }

        init(_ issue: DataIssue) {
            file = issue.file
            line = issue.line
            column = issue.column
            code = issue.code.rawValue
            message = issue.message
            suggestion = issue.suggestion
            text = issue.description
        }
    }

    /// A file or folder that was passed over.
    package struct Ignored: Sendable, Encodable {
        package let file: String
        package let reason: String
        /// The reason in words.
        package let words: String

        private enum CodingKeys: CodingKey { case file, reason }
    }

    package let schema = 1
    package let files: Int
    package let rows: Int
    /// Count of all issues, of which `issues` has the first ones.
    package let errors: Int
    package let issues: [Issue]
    package let ignored: [Ignored]
    /// Count of files of other types, by their ending.
    package let otherTypes: [String: Int]
    /// How often rows had a key that no shape uses.
    package let unusedKeys: [String: Int]
    package let blankLines: Int
    private let ignoredCounts: [Dataset.Ignored.Reason: Int]
    /// Whether what is wrong is left out.
    package let skipsBad: Bool

    private enum CodingKeys: CodingKey { case schema, files, rows, errors, issues, ignored, otherTypes, unusedKeys }

    init(_ dataset: Dataset) {
        files = dataset.files
        rows = dataset.rows.count
        errors = dataset.issueCount
        issues = dataset.issues.map(Issue.init)
        ignored = dataset.ignored.map { Ignored(file: $0.file, reason: $0.reason.rawValue, words: $0.reason.words) }
        ignoredCounts = dataset.ignoredCounts
        otherTypes = dataset.otherTypes
        unusedKeys = dataset.unusedKeys
        blankLines = dataset.blankLines
        skipsBad = dataset.skipsBad
    }

    /// What was given and is not used, a line for each kind, safe to print.
    package var unused: [String] {
        var lines = otherTypes.sorted { $0.key < $1.key }.map { ending, count in
            "not read: \(Quantity.counted(count, "file")) \(Printable.escaped(ending))"
        }
        for reason in Dataset.Ignored.Reason.allCases where reason != .otherType {
            guard let count = ignoredCounts[reason] else { continue }
            lines.append("not read: \(Quantity.counted(count, "file")), \(reason.words)")
        }
        for (key, count) in unusedKeys.sorted(by: { $0.key < $1.key }) {
            lines.append("not used: the key \(Printable.quoted(key)) of \(Quantity.counted(count, "row"))")
        }
        return lines
    }
}
