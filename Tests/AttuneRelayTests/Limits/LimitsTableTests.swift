// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

@Suite("The table of what a relay bounds") struct LimitsTableTests {
    @Test("its defaults are those that attune-relay names, and no limit is missing")
    func defaults() throws {
        let root = TestBase.tests.deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "schemas/relay-limits.md"), encoding: .utf8)
        var table: [String: String] = [:]
        for line in text.split(separator: "\n") where line.contains("| `--") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            table[cells[3].replacingOccurrences(of: "`", with: "")] = cells[2]
        }
        let folder = try TemporaryDirectory()
        let help = try ChildProcess(
            try RelayProcess.binary, ["help", "serve"], environment: ["PATH": "/usr/bin:/bin", "COLUMNS": "400"],
            folder: folder.path, output: nil, errors: folder.path + "/errors")
        // Lines are folded: a default belongs to the option before it.
        let words = help.remainingLines().joined(separator: " ").split(separator: " ").map(String.init)
        var found: [String: String] = [:]
        var option: String?
        for (index, word) in words.enumerated() {
            if word.hasPrefix("--") { option = word }
            if word == "(default:", let name = option, index + 1 < words.count {
                found[name] = words[index + 1].replacingOccurrences(of: ")", with: "")
            }
        }
        // The page names it in words, in GiB.
        found["--circle-bytes"] = nil
        #expect(table.count > 15)
        for (name, value) in table { #expect(found[name] == value, "\(name)") }
        for name in found.keys where Double(found[name] ?? "") != nil {
            #expect(table[name] != nil, "\(name) is not in the table")
        }
    }
}
