// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// The rows of training data read from files and folders, with everything that was wrong or left out.
package struct Dataset: Sendable {
    /// A row and where it came from.
    package struct Row: Hashable, Sendable {
        package let row: DataRow
        package let source: DataSource

        package init(row: DataRow, source: DataSource) {
            self.row = row
            self.source = source
        }
    }

    /// A file or folder that holds no training data, and why it was passed over.
    package struct Ignored: Codable, Hashable, Sendable {
        /// Why a file was not read.
        package enum Reason: String, Codable, CodingKeyRepresentable, Hashable, Sendable, CaseIterable {
            /// Not one of `Dataset.extensions`.
            case otherType
            /// The name starts with a full stop.
            case hidden
            /// A symbolic link inside a folder; what it points to inside the folder is read at its own place.
            case link
            /// Neither a file nor a folder.
            case special
            /// The same file was read already, by another path.
            case repeated
            /// Nothing but spaces.
            case empty
        }

        package let file: String
        package let reason: Reason
    }

    /// Endings of the files that are read, lower case.
    package static let extensions = ["md", "markdown", "txt", "jsonl"]

    /// Files in the order of the paths given, inside a folder in byte order of their paths; lines in order.
    package internal(set) var rows: [Row] = []
    /// The first issues, at most `DatasetOptions.listLimit`.
    package internal(set) var issues: [DataIssue] = []
    /// Count of all issues; each is a file or a line that gave no row.
    package internal(set) var issueCount = 0
    /// Whether what is wrong was to be left out.
    package internal(set) var skipsBad = false
    /// Count of files read.
    package internal(set) var files = 0
    /// Bytes of the files read.
    package internal(set) var bytes = 0
    /// The first files that were passed over, at most `DatasetOptions.listLimit`.
    package internal(set) var ignored: [Ignored] = []
    /// Count of all that was passed over, by reason.
    package internal(set) var ignoredCounts: [Ignored.Reason: Int] = [:]
    /// Count of files of other types, by their ending (`.png`), at most 100 endings and `other`.
    package internal(set) var otherTypes: [String: Int] = [:]
    /// Count of blank lines in JSONL files.
    package internal(set) var blankLines = 0
    /// How often JSONL rows had a key that no shape uses, at most 100 keys and `other`.
    package internal(set) var unusedKeys: [String: Int] = [:]

    init() {}

    /// Rows put together by hand, without files.
    package init(rows: [Row]) { self.rows = rows }

    /// Passes only where the data may be trained on: no issue, or issues that were to be skipped.
    ///
    /// - Throws: `TrainingError` `E-DATA-005` with the first issue; the rest are in `issues`.
    package func requireUsable() throws {
        guard let first = issues.first, !skipsBad else { return }
        throw TrainingError.badData(first, count: issueCount)
    }
}
