// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// Adapters for other people, over the real binary.
@Suite struct PeopleTests {
    @Test func twoPeopleShareAnAdapterInAFile() throws {
        let mine = try TinyStore()
        let hers = try TinyStore(outside: mine.outside)
        try mine.train(try mine.writeRows(24), name: "notes")
        let folder = mine.outside.path
        try mine.expect("people", "card", folder + "/me.card", exits: 0)
        try hers.expect("people", "card", folder + "/anna.card", exits: 0)

        let added = try mine.expect("people", "add", folder + "/anna.card", "--name", "anna", "--json", exits: 0).json()
        let number = try #require(added["safety_number"] as? String)
        let other = try hers.expect("people", "add", folder + "/me.card", "--name", "me", "--json", exits: 0).json()
        #expect(other["safety_number"] as? String == number)
        #expect(number.split(separator: " ").count == 12)
        let file = folder + "/gift.attune"
        try mine.expect("adapters", "share", "notes", "--with", "anna", file, exits: 6)
        try mine.expect("people", "confirm", "anna", "--number", "1", exits: 6)
        try mine.expect("people", "confirm", "anna", "--number", number, exits: 0)
        try hers.expect("people", "confirm", "me", "--number", number, exits: 0)

        let shared = try mine.expect("adapters", "share", "notes", "--with", "anna", file, exits: 0)
        #expect(shared.errors.contains("only with people you would show the texts to"))
        #expect(!"\(shared.errors)\(shared.output)".contains("anonymous"))
        try mine.expect("adapters", "import", file, exits: 12)
        try hers.expect("adapters", "import", file, exits: 0)
        try hers.expect("ask", "notes", "What of the boat 3?", exits: 5)
        let waiting = try hers.expect("people", "received", "--json", exits: 0).json()
        #expect((waiting["received"] as? [[String: Any]])?.first?["from"] as? String == "me")
        try hers.expect("adapters", "accept", "notes", "--name", "gift", exits: 0)
        let arguments = ["--temp", "0", "--max", "8", "--json"]
        let answers = try [(mine, "notes"), (hers, "gift")].map { store, name in
            try store.expect(["ask", name, "What of the boat 3?"] + arguments, exits: 0).json()["tokens"] as? [Int]
        }
        #expect(answers[0] != nil && answers[0] == answers[1])
        try mine.expect("adapters", "share", "notes", "--with", "bob", folder + "/x.attune", exits: 5)
        try mine.expect("people", "rm", "anna", exits: 0)
    }

    @Test func adaptersAreMergedByWeights() throws {
        let store = try TinyStore()
        let rows = try store.writeRows(24)
        for (name, seed) in [("one", 3), ("two", 4)] { try store.train(rows, name: name, seed: seed) }
        let merged = try store.expect(
            "adapters", "merge", "one", "two", "--into", "both", "--weight", ".7,.3", "--rank", "8", "--json", exits: 0
        ).json()
        #expect(merged["version"] as? String == "both@1")
        #expect(try #require(merged["lost_share"] as? Double) < 1e-9)
        let cut = try store.expect("adapters", "merge", "one", "two", "--into", "small", "--json", exits: 0).json()
        #expect(try #require(cut["lost_share"] as? Double) > 0)
        try store.expect("ask", "both", "What of the boat 3?", "--max", "4", exits: 0)
        try store.expect("adapters", "merge", "one", "two", "--into", "both", "--weight", "1", exits: 64)
        try store.expect("adapters", "merge", "one", "none", "--into", "both", exits: 5)
        try store.expect("adapters", "resolve", "one", "--merge", exits: 6)
    }
}
