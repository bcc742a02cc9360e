// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// The way of an adapter from the first command to the last, over the real binary.
@Suite struct JourneyTests {
    @Test func trainsAsksMeasuresAndListsAnAdapter() throws {
        let store = try TinyStore()
        let rows = try store.writeRows(60)
        let end = try store.train(rows, name: "notes", epochs: "2")
        #expect(end["adapter"] as? String == "notes@1")
        let (before, after) = (try #require(end["base_loss"] as? Double), try #require(end["loss"] as? Double))
        #expect(after < before - 0.1)

        let ask = ["ask", "notes", "What of the boat 3?", "--temp", "0", "--max", "12", "--json"]
        let first = try store.expect(ask, exits: 0).json()
        #expect(first["adapter"] as? String == "notes@1")
        #expect(first["text"] as? String == (try store.expect(ask, exits: 0).json())["text"] as? String)
        let base = try store.expect("ask", "--base", "What of the boat 3?", "--temp", "0", "--json", exits: 0).json()
        #expect(base["adapter"] as? String == nil)
        #expect(first["tokens"] as? [Int] != base["tokens"] as? [Int])

        let evaluation = try store.expect(
            "eval", "notes", "--data", rows, "--against", "base", "--json", exits: 0
        ).json()
        let loss = try #require(evaluation["loss"] as? Double)
        #expect(loss < (try #require(evaluation["base_loss"] as? Double)))
        #expect(try #require(evaluation["tokens"] as? Int) > 100)

        let list = try store.expect("adapters", "list", "--json", exits: 0).json()
        let adapters = try #require(list["adapters"] as? [[String: Any]])
        #expect(adapters.map { $0["name"] as? String } == ["notes"])
        #expect(try store.expect("adapters", "list", exits: 0).output.contains("notes"))
    }

    @Test func exportImportExportIsTheIdentity() throws {
        let store = try TinyStore()
        try store.train(try store.writeRows(24), name: "notes")
        let (one, two) = (store.outside.path + "/one", store.outside.path + "/two")
        try store.expect("adapters", "export", "notes", "--format", "peft", one, exits: 0)
        try store.expect("adapters", "import", one, "--name", "again", exits: 0)
        try store.expect("adapters", "export", "again", "--format", "peft", two, exits: 0)
        let names = try FileManager.default.contentsOfDirectory(atPath: one).sorted()
        #expect(names.contains("adapter_config.json"))
        #expect(names.contains("adapter_model.safetensors"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: two).sorted() == names)
        for name in names {
            let first = try Data(contentsOf: URL(filePath: "\(one)/\(name)"))
            #expect(first == (try Data(contentsOf: URL(filePath: "\(two)/\(name)"))), "\(name)")
        }
        // Both answer alike, and nothing that is there is replaced.
        let answers = try ["notes", "again"].map {
            try store.expect("ask", $0, "What of the boat?", "--temp", "0", "--max", "8", "--json", exits: 0)
                .json()["tokens"] as? [Int]
        }
        #expect(answers[0] == answers[1])
        try store.expect("adapters", "export", "notes", "--format", "peft", one, exits: 6)
    }

    @Test func oneSealedFileCarriesAnAdapterToAnotherStore() throws {
        let here = try TinyStore()
        let there = try TinyStore(outside: here.outside)
        try here.train(try here.writeRows(24), name: "notes")
        let file = here.outside.path + "/notes.attune"
        let phrase = try here.outside.write("a phrase of its own\n", to: "phrase")
        let wrong = try here.outside.write("another phrase\n", to: "wrong")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: phrase)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: wrong)
        try here.expect("adapters", "export", "notes", file, "--passphrase-file", phrase, exits: 0)
        try there.expect("adapters", "import", file, "--name", "x", "--passphrase-file", wrong, exits: 12)
        #expect(try there.versions().isEmpty)
        try there.expect("adapters", "import", file, "--passphrase-file", phrase, exits: 0)
        #expect(try there.versions().isEmpty)
        try there.expect("adapters", "accept", "notes", exits: 0)
        #expect(try here.exportedTensors("notes") == there.exportedTensors("notes"))
        let bytes = try Data(contentsOf: URL(filePath: file))
        #expect(bytes.range(of: Data("lora_a".utf8)) == nil)
        #expect(bytes.range(of: Data("attn_q".utf8)) == nil)
    }

    @Test func versionsAreNamedMovedAndBroughtBack() throws {
        let store = try TinyStore()
        let rows = try store.writeRows(16)
        try store.train(rows, name: "notes", seed: 1)
        try store.train(rows, name: "notes", seed: 2)
        try store.expect("adapters", "label", "notes@1", "early", exits: 0)
        try store.expect("adapters", "copy", "notes:early", "kept", exits: 0)
        try store.expect("adapters", "rename", "notes", "diary", exits: 0)
        let before = try store.versions()
        #expect(Set(before.keys) == ["diary@1", "diary@2", "kept@1"])

        try store.expect("adapters", "rollback", "diary", exits: 0)
        func head() throws -> Int? {
            let shown = try store.expect("adapters", "show", "diary", "--json", exits: 0).json()
            return (shown["adapter"] as? [String: Any])?["version"] as? Int
        }
        #expect(try head() == 1)
        try store.expect("undo", exits: 0)
        #expect(try head() == 2)

        try store.expect("adapters", "rm", "diary", "--yes", exits: 0)
        try store.expect("adapters", "show", "diary", exits: 5)
        let trash = try store.expect("trash", "--json", exits: 0).json()
        #expect(try #require(trash["entries"] as? [[String: Any]]).map { $0["name"] as? String } == ["diary"])
        try store.expect("adapters", "restore", "diary", exits: 0)
        #expect(try store.versions() == before)
        try store.expect("adapters", "rm", "diary", "--yes", exits: 0)
        try store.expect("undo", exits: 0)
        #expect(try store.versions() == before)
        try store.expect("adapters", "rm", "diary@1", "--yes", exits: 0)
        try store.expect("adapters", "rm", "diary@2", "--yes", exits: 6)
        try store.expect("trash", "empty", "--all", "--yes", exits: 0)
        #expect(try Set(store.versions().keys) == ["diary@2", "kept@1"])
        try store.expect("adapters", "verify", exits: 0)
    }
}
