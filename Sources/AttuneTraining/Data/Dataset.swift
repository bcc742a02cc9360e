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

            /// The reason in words, after "not read:" and a count.
            package var words: String {
                switch self {
                case .otherType: "of another type"
                case .hidden: "hidden"
                case .link: "a link"
                case .special: "neither a file nor a folder"
                case .repeated: "read already, by another path"
                case .empty: "empty"
                }
            }
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

/// How data is loaded, and how much of it may be taken in.
package struct DatasetOptions: Codable, Hashable, Sendable {
    /// Leaves out what is wrong, counted and listed, where otherwise one issue refuses the whole. Default false.
    package var skipBad = false
    /// Most bytes of one file. Default 1 GiB.
    package var fileByteLimit = 1 << 30
    /// Most bytes of one line of a JSONL file. Default 16 MiB.
    package var lineByteLimit = 16 << 20
    /// Most bytes of all files together. Default 4 GiB.
    package var totalByteLimit = 4 << 30
    /// Most files found below one folder. Default 1 000 000.
    package var fileCountLimit = 1_000_000
    /// Most folders inside one another. Default 64.
    package var folderDepthLimit = 64
    /// Most issues, and most ignored files, that are listed; all are counted. Default 1000.
    package var listLimit = 1000

    package init() {}

    package init(skipBad: Bool) { self.skipBad = skipBad }
}

extension Dataset {
    /// Reads files and folders into rows, in the order given.
    ///
    /// In a folder, `.md`, `.markdown`, `.txt` and `.jsonl` files are read at any depth, in byte order of their paths;
    /// hidden files and links are passed over and listed. A text file is one document, its line ends taken for line
    /// feeds; a JSONL file has one row on each line, of a shape of its own. Whatever is wrong is in `issues`, and
    /// `requireUsable` refuses it.
    ///
    /// - Throws: `TrainingError` `E-DATA-001` (a path is not there), `E-DATA-002` (nothing to train on), `E-DATA-003` (a
    ///   named file is of another type), `E-DATA-004` (too much data).
    package static func load(paths: [String], options: DatasetOptions = DatasetOptions()) throws -> Dataset {
        var loader = DatasetLoader(options: options)
        for path in paths { try loader.read(path) }
        let dataset = loader.dataset
        if dataset.rows.isEmpty, dataset.issueCount == 0 || options.skipBad {
            throw TrainingError.noData(dataset.emptiness)
        }
        return dataset
    }

    /// Why there are no rows, in words.
    private var emptiness: String {
        var reasons: [String] = []
        if issueCount > 0 { reasons.append("\(issueCount) files or lines were wrong, first \(issues[0])") }
        if let count = ignoredCounts[.empty] {
            reasons.append(count == 1 ? "1 file is empty" : "\(count) files are empty")
        }
        if !otherTypes.isEmpty {
            let types = otherTypes.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }.prefix(5)
            let names = types.map { "\($0.value) \(Printable.escaped($0.key))" }.joined(separator: ", ")
            reasons.append("files of other types were passed over (\(names))")
        }
        if let count = ignoredCounts[.hidden] { reasons.append("\(count) hidden") }
        if let count = ignoredCounts[.link] { reasons.append("\(count) links") }
        return reasons.isEmpty ? "no files were found" : reasons.joined(separator: ", ")
    }
}
