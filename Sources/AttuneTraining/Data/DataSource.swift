// Attune
// SPDX-License-Identifier: Apache-2.0

/// Where a row of training data came from.
package struct DataSource: Codable, Hashable, Sendable {
    /// The path as the person gave it: a folder, or the file itself.
    package var root: String
    /// Path of the file below `root`; the file's own name where `root` is the file.
    package var path: String
    /// Line of a JSONL file, from 1; nil for a text file, which is one document.
    package var line: Int?

    package init(root: String, path: String, line: Int? = nil) {
        self.root = root
        self.path = path
        self.line = line
    }

    /// The path a person can open from where the command ran; not yet safe to print, see `Printable`.
    package var file: String {
        if root == path || root.hasSuffix("/" + path) { return root }
        return root.hasSuffix("/") ? root + path : root + "/" + path
    }
}

extension DataSource: CustomStringConvertible {
    /// `file` or `file:line`, with control characters escaped.
    package var description: String {
        let name = Printable.path(file)
        return line.map { "\(name):\($0)" } ?? name
    }
}
