// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// Commands that messages, help and the README tell people to run exist.
@Suite struct RemedyTests {
    @Test func everyCommandThatIsRecommendedExists() throws {
        let attune = try AttuneProcess()
        let package = TestBase.tests.deletingLastPathComponent().path
        let sources = PlaintextSearch.files(package + "/Sources").filter { $0.hasSuffix(".swift") }
        var said: [String: String] = [:]
        for path in sources + [package + "/README.md"] {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            for match in text.matches(of: /\battune ((?:[a-z]+)(?: [a-z]+)?(?: --[a-z-]+)?)/) {
                said[String(match.output.1)] = path
            }
        }
        let groups = ["adapters", "runs", "base", "key", "data", "trash", "devices", "sync", "people"]
        let single = [
            "init", "train", "ask", "chat", "eval", "status", "doctor", "paths", "undo", "explain",
        ]
        #expect(said.count > 10)
        var checked: Set<[String]> = []
        for (phrase, path) in said {
            var words = phrase.split(separator: " ").map(String.init)
            let flag = words.last.flatMap { $0.hasPrefix("--") ? $0 : nil }
            if flag != nil { words.removeLast() }
            guard groups.contains(words[0]) || single.contains(words[0]) else { continue }
            if single.contains(words[0]) { words = [words[0]] }
            guard checked.insert(words + [flag ?? ""]).inserted else { continue }
            let help = try attune.run(words + ["--help"])
            #expect(help.status == 0, "attune \(phrase) in \(path)")
            if let flag { #expect(help.output.contains(flag), "attune \(phrase) in \(path)") }
        }
    }
}
