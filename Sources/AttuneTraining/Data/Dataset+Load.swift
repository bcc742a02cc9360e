// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

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
