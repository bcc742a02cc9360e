// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// What is piped into a question, and questions that are none.
@Suite struct AskTests {
    private static func prompt(_ store: TinyStore, _ arguments: [String], input: String? = nil) throws -> [Int] {
        let result = try store.expect(
            ["ask", "--base", "--max", "2", "--temp", "0", "--json"] + arguments, exits: 0, input: input)
        return try #require(try result.json()["prompt_ids"] as? [Int])
    }

    @Test func whatIsPipedFollowsWhatIsTyped() throws {
        let store = try TinyStore()
        let typed = try Self.prompt(store, ["Shorter, please:\n\nDear Ann, the boat is late.\n"])
        let piped = try Self.prompt(store, ["Shorter, please:"], input: "Dear Ann, the boat is late.\n")
        #expect(piped == typed)
        #expect(try Self.prompt(store, [], input: "Is it late?") == Self.prompt(store, ["Is it late?"]))
        #expect(try Self.prompt(store, ["-"], input: "Is it late?") == Self.prompt(store, ["Is it late?"]))
        // Nothing is piped where nothing comes.
        #expect(try Self.prompt(store, ["Is it late?"], input: "") == Self.prompt(store, ["Is it late?"]))
        let late = try store.attune.shell("(sleep 1; echo late) | \"$ATTUNE\" ask --base --max 2 --json 'Is it'")
        #expect(
            try store.check(late, exits: 0).json()["prompt_ids"] as? [Int] == Self.prompt(store, ["Is it\n\nlate\n"]))
    }

    @Test(arguments: ["", " ", "\n\t"]) func anEmptyQuestionIsNotAnswered(text: String) throws {
        let store = try TinyStore()
        let result = try store.expect("ask", "--base", text, exits: 64)
        #expect(result.errors.contains("the question is empty"))
        try store.expect("ask", "--base", exits: 64, input: text)
    }

    @Test(arguments: [
        ("日記", "日記"), ("Дневник", "дневник"), ("Übungen", "übungen"), ("2025.11", "2025.11"),
        ("my notes (old)", "my-notes-old"),
    ])
    func anAdapterIsCalledAsItsFolderIs(folder: String, name: String) throws {
        let store = try TinyStore()
        for index in 0..<4 { try store.outside.write("The boat is seen on day \(index).", to: "\(folder)/\(index).md") }
        let path = store.outside.path + "/" + folder
        let end = try store.expect(
            ["train", path, "--max-len", "32", "--rank", "2", "--yes", "--jsonl"], exits: 0
        ).json()
        #expect(end["adapter"] as? String == "\(name)@1")
        // Once more, it says what is there.
        let plan = try store.expect("train", path, "--max-len", "32", "--plan", exits: 0)
        #expect(plan.errors.contains("\(name)@1 is there; this makes a new version from scratch"), "\(plan.errors)")
    }

    @Test func aFolderWithoutALetterCannotNameAnAdapter() throws {
        let store = try TinyStore()
        try store.outside.write("The boat.", to: "---/a.md")
        let result = try store.expect("train", store.outside.path + "/---", "--yes", exits: 64)
        #expect(result.errors.contains("--name NAME"), "\(result.errors)")
    }
}
