// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// `attune train --also` over the real binary.
@Suite struct AlsoTests {
    @Test func severalAdaptersOfOneCommandAreThoseOfSeveralCommands() throws {
        let store = try TinyStore()
        let rows = ["notes", "mail", "more", "plans"].map { name in
            (name, Result { try store.writeRows(name == "mail" ? 12 : 20, to: "\(name).jsonl", marker: name) })
        }
        let path = try Dictionary(uniqueKeysWithValues: rows.map { ($0.0, try $0.1.get()) })
        let run = try store.expect(
            TinyStore.training(
                path["notes"]!, name: "notes",
                extra: [
                    "--also", "mail=\(path["mail"]!)", "--also", "mail=\(path["more"]!)", "--also",
                    "plans=\(path["plans"]!)",
                ]), exits: 0)
        let events = try run.output.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        let kinds = Dictionary(grouping: events) { $0["event"] as? String }
        #expect(kinds["plan"]?.map { $0["name"] as? String } == ["notes", "mail", "plans"])
        #expect(Set(kinds["step"]?.map { $0["name"] as? String } ?? []) == ["notes", "mail", "plans"])
        let ends = try #require(kinds["end"])
        #expect(ends.map { $0["adapter"] as? String } == ["notes@1", "mail@1", "plans@1"])

        try store.train(path["notes"]!, name: "one")
        try store.train(path["plans"]!, name: "other")
        for (name, alone) in [("notes", "one"), ("plans", "other")] {
            let answers = try [name, alone].map { name in
                let ask = [
                    "ask", name, "What of the boat 3?", "--temp", "0", "--max", "1", "--top-logits", "5", "--json",
                ]
                return try store.expect(ask, exits: 0).json()["top_logits"] as? NSArray
            }
            #expect(answers[0] == answers[1])
            #expect(answers[0]?.count == 5)
        }
        let list = try store.expect("runs", "list", "--json", exits: 0).json()
        #expect((list["runs"] as? [[String: Any]])?.count == 5)
    }

    @Test(arguments: ["mail", "=x", "mail=", "notes=x.jsonl"]) func whatCannotBeMeantIsRefused(_ also: String) throws {
        let store = try TinyStore()
        let rows = try store.writeRows(8)
        let refused = try store.expect(TinyStore.training(rows, name: "notes", extra: ["--also", also]), exits: 64)
        #expect(refused.errors.contains("--also"))
    }
}
