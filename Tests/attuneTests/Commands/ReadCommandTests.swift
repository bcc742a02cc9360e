// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// Every command that only reads prints one JSON object with `--json`, and text without.
@Suite struct ReadCommandTests {
    @Test func everyReadCommandPrintsOneJSONObject() throws {
        let store = try TinyStore()
        let rows = try store.writeRows(20)
        let first = try #require(try store.train(rows, name: "notes", seed: 1)["run"] as? String)
        let second = try #require(try store.train(rows, name: "notes", seed: 2)["run"] as? String)
        let commands: [[String]] = [
            ["status"], ["doctor"], ["paths"], ["undo", "--list"], ["trash"], ["trash", "list"],
            ["adapters"], ["adapters", "list"], ["adapters", "show", "notes"], ["adapters", "versions", "notes"],
            ["adapters", "diff", "notes@1", "notes@2"], ["adapters", "verify"],
            ["runs"], ["runs", "list"], ["runs", "show", first], ["runs", "show", first, "--plot"],
            ["runs", "compare", first, second], ["base", "list"], ["base", "show", "tiny"], ["base", "verify"],
            ["base", "tokenize", "a boat"], ["data", "check", rows], ["data", "preview", rows],
            ["data", "stats", rows], ["key", "show"], ["eval", "notes", "--data", rows],
            ["ask", "notes", "boat?", "--max", "3"], ["ask", "--base", "boat?", "--max", "3"],
        ]
        for command in commands {
            let json = try store.expect(command + ["--json"], exits: 0)
            #expect(try json.jsonLines().count == 1, "\(command)")
            let text = try store.expect(command, exits: 0)
            #expect(!text.output.isEmpty, "\(command)")
            #expect((try? JSONSerialization.jsonObject(with: Data(text.output.utf8))) == nil, "\(command)")
        }
        let plot = try store.expect("runs", "show", first, "--plot", exits: 0).output
        #expect(plot.unicodeScalars.contains { (0x2801...0x28FF).contains($0.value) })

        let runs = try #require(try store.expect("runs", "list", "--json", exits: 0).json()["runs"] as? [[String: Any]])
        #expect(runs.map { $0["id"] as? String } == [first, second])
        #expect(runs.allSatisfy { $0["state"] as? String == "finished" })
        let difference = try store.expect("runs", "compare", first, second, "--json", exits: 0).json()
        let settings = try #require(difference["differences"] as? [[String: Any]]).compactMap {
            $0["setting"] as? String
        }
        #expect(settings == ["training.seed"])
    }

    @Test func quietlyOnlyWhatIsWrongIsPrinted() throws {
        let store = try TinyStore()
        try store.train(try store.writeRows(12), name: "notes")
        let backup = store.outside.path + "/backup"
        try store.expect("backup", backup, exits: 0)
        for command in [["doctor"], ["adapters", "verify"], ["backup", "--verify", backup]] {
            let whole = try store.expect(command + ["--quiet"], exits: 0)
            // A machine with little memory is told so.
            let lines = whole.output.split(separator: "\n").filter { !$0.contains("memory") && !$0.hasPrefix("    ") }
            #expect(lines == [], "\(command)")
        }
        chmod(store.attune.store, 0o755)
        let wrong = try store.attune.run("doctor", "-q")
        #expect(wrong.status == 8)
        #expect(wrong.output.contains("FAIL  other users may enter"), "\(wrong.output)")
        #expect(wrong.output.contains("chmod 700"), "\(wrong.output)")
        #expect(!wrong.output.contains("verified"), "\(wrong.output)")
        for file in PlaintextSearch.files(backup + "/chunks").prefix(1) {
            try FileManager.default.removeItem(atPath: file)
        }
        let lost = try store.attune.run("backup", "--verify", backup, "-q")
        #expect(lost.status == 8)
        #expect(lost.output.contains("is missing"), "\(lost.output)")
        #expect(!lost.output.contains("problem"), "\(lost.output)")
    }

    @Test func theVersionIsTold() throws {
        let attune = try AttuneProcess()
        let result = try attune.run("--version")
        #expect(result.status == 0)
        #expect(result.output.contains(/attune \d+\.\d+\.\d+/))
    }

    @Test func anErrorIsOneLineOfJSONWithItsCodeAndRemedy() throws {
        let store = try TinyStore()
        let result = try store.expect("adapters", "show", "nobody", "--json", exits: 5)
        let line = try #require(result.errors.split(separator: "\n").last)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["error"] as? String == "E-VAULT-020")
        #expect(object["exit_code"] as? Int == 5)
        #expect((object["remedy"] as? String)?.contains("attune adapters list") == true)
        #expect(result.output.isEmpty)
    }
}
