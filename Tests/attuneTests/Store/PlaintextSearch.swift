// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation

/// Looks for words as raw bytes in every file below a folder.
enum PlaintextSearch {
    /// `FILE: WORD` for each place where a word stands, in the names of files too.
    static func find(_ words: [String], below folder: String) throws -> [String] {
        let files = files(folder)
        var found = files.flatMap { path in words.filter { path.contains($0) }.map { "\(path): \($0)" } }
        let printed = try TemporaryDirectory()
        let (output, errors) = (printed.path + "/out", printed.path + "/err")
        // A store of some hundred chunks takes grep a moment, and Foundation's search minutes.
        let patterns = words.flatMap { ["-e", $0] }
        let search = try ChildProcess(
            "grep", ["-raoF"] + patterns + ["--", folder], environment: ["LC_ALL": "C", "PATH": "/usr/bin:/bin"],
            folder: folder, output: output, errors: errors)
        let end = try search.wait()
        // 0: found, 1: nothing found.
        guard end == .exit(0) || end == .exit(1) else { throw Failed(end: end) }
        let lines = String(decoding: try Data(contentsOf: URL(filePath: output)), as: UTF8.self)
        found += lines.split(separator: "\n").map(String.init)
        return found
    }

    private struct Failed: Error {
        let end: ChildProcess.End
    }

    /// Every regular file below a folder.
    static func files(_ folder: String) -> [String] {
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return names.map { "\(folder)/\($0)" }.filter {
            (try? FileManager.default.attributesOfItem(atPath: $0)[.type] as? FileAttributeType) == .typeRegular
        }
    }
}
