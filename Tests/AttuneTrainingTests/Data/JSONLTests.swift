// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneTokenizer
import AttuneTraining
import Foundation
import Testing

@Suite struct JSONLTests {
    /// Loads the bytes as `d.jsonl`.
    private func load(_ bytes: some Sequence<UInt8>, _ options: DatasetOptions = .init()) throws -> Dataset {
        let folder = try TemporaryDirectory()
        return try Dataset.load(paths: [folder.write(bytes, to: "d.jsonl")], options: options)
    }

    /// The only row of a line.
    private func row(_ line: String) throws -> DataRow {
        let dataset = try load(line.utf8)
        #expect(dataset.issues.isEmpty)
        return try #require(dataset.rows.first).row
    }

    /// The only issue of a text as `line:column CODE message`.
    private func issue(_ text: String) throws -> String { try issue(bytes: Array(text.utf8)) }

    private func issue(bytes: [UInt8]) throws -> String {
        let dataset = try load(bytes)
        #expect(dataset.issueCount == 1)
        var found = try #require(dataset.issues.first)
        found.file = "d"
        return String(found.description.dropFirst(2))
    }

    @Test func readsEachShapeOnItsOwnLine() throws {
        let dataset = try load(
            """
            {"text": "a\\u00e9\\n\\ud83d\\ude00"}
            {"prompt": "p", "completion": "c"}
            {"prompt": [{"role": "user", "content": "u"}], "completion": [{"role": "assistant", "content": "a"}]}

            {"messages": [{"role": "system", "content": ""}, {"role": "user", "content": "u"}, {"content": "a", "role": "assistant"}]}
            {"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}], "id": 7}\r
            """.utf8)
        let user = ChatMessage(role: .user, content: "u")
        let assistant = ChatMessage(role: .assistant, content: "a")
        #expect(
            dataset.rows.map(\.row) == [
                .text("aé\n😀"), .completion(prompt: "p", completion: "c"),
                .chatCompletion(prompt: [user], completion: [assistant]),
                .chat([ChatMessage(role: .system, content: ""), user, assistant]), .chat([user, assistant]),
            ])
        #expect(dataset.rows.map(\.source.line) == [1, 2, 3, 5, 6])
        #expect(dataset.blankLines == 1)
        #expect(dataset.unusedKeys == ["id": 1])
        #expect(dataset.issues.isEmpty)
    }

    @Test(arguments: [
        #"{"messages": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}"#,
        #"{"conversations": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#,
        #"{"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}, {"role": "assistant", "content": ["a"]}]}"#,
        #"{"instruction": "q", "input": "", "output": "a"}"#, #"{"instruction": "", "input": "q", "output": "a"}"#,
        #"{"instruction": "q", "context": "", "response": "a"}"#, #"{"question": "q", "answer": "a"}"#,
        #"{"query": "q", "response": "a"}"#, #"{"input": "q", "output": "a"}"#,
    ])
    func aQuestionAndItsAnswerAreTakenAsOtherTrainersSpellThem(line: String) throws {
        #expect(
            try row(line)
                == .chat([ChatMessage(role: .user, content: "q"), ChatMessage(role: .assistant, content: "a")]))
    }

    @Test(arguments: [
        #"{"system": "s", "conversations": [{"from": "human", "value": "q\ni"}, {"from": "gpt", "value": "a"}]}"#,
        #"{"messages": [{"role": "developer", "content": "s"}, {"role": "user", "content": "q\ni"}, {"role": "assistant", "content": "a"}]}"#,
        #"{"system": "s", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q\ni"}, {"role": "assistant", "content": "a"}]}"#,
        #"{"instruction": "q", "input": "i", "output": "a", "system": "s"}"#,
    ])
    func aSystemTextBesideAConversationStandsBeforeIt(line: String) throws {
        let dataset = try load(line.utf8)
        #expect(dataset.unusedKeys.isEmpty)
        #expect(
            dataset.rows.map(\.row) == [
                .chat([
                    ChatMessage(role: .system, content: "s"), ChatMessage(role: .user, content: "q\ni"),
                    ChatMessage(role: .assistant, content: "a"),
                ])
            ])
    }

    @Test func anAnswerThatIsNotToBeLearnedIsKeptAsGiven() throws {
        let first = #"{"role": "assistant", "content": "bad", "#
        let last = #"{"role": "assistant", "content": "good", "weight": 1, "train": true}"#
        for key in [#""weight": 0"#, #""weight": 0.0"#, #""train": false"#, #""training": false"#] {
            let dataset = try load("{\"messages\": [\(first)\(key)}, \(last)]}".utf8)
            #expect(dataset.unusedKeys.isEmpty, "\(key)")
            #expect(
                dataset.rows.map(\.row) == [
                    .chat([
                        ChatMessage(role: .assistant, content: "bad", isGiven: true),
                        ChatMessage(role: .assistant, content: "good"),
                    ])
                ], "\(key)")
        }
        let given = DataRow.chat([ChatMessage(role: .assistant, content: "a", isGiven: true)])
        #expect(given.canonicalBytes() != DataRow.chat([ChatMessage(role: .assistant, content: "a")]).canonicalBytes())
    }

    @Test func keysOfMessagesThatSayMoreAreCountedToo() throws {
        let line = """
            {"messages": [{"role": "user", "content": "q", "name": "Ann"}, {"role": "assistant", "content": "a", \
            "reasoning_content": "since", "tool_calls": [], "refusal": null}], "tools": [{"type": "function"}], "id": 1}
            """
        #expect(
            try load(line.utf8).unusedKeys == [
                "id": 1, "tools": 1, "messages[].name": 1, "messages[].reasoning_content": 1,
            ])
    }

    @Test func otherKeysBesideAShapeAreCountedNotRefused() throws {
        let line = #"{"prompt": "x", "messages": [{"role": "assistant", "content": "a", "name": null}], "n": 1e400}"#
        #expect(try load(line.utf8).unusedKeys == ["prompt": 1, "n": 1])
    }

    @Test(arguments: [
        (
            #"{"messages": [{"role": "asistant", "content": "x"}]}"#,
            #"1:24 E-DATA-014 "role" is "asistant" (did you mean "assistant"?)"#
        ),
        (
            #"{"messages": [{"role": "Assistant", "content": "x"}]}"#,
            #"1:24 E-DATA-014 "role" is "Assistant" (did you mean "assistant"?)"#
        ),
        (
            #"{"messages": [{"role": "function", "content": "x"}]}"#,
            #"1:24 E-DATA-014 "role" is "function" (did you mean "tool"?)"#
        ),
        (
            #"{"messages": [{"role": "chief", "content": "x"}]}"#,
            #"1:24 E-DATA-014 "role" is "chief"; it must be one of assistant, developer, system, tool, user"#
        ),
        (
            #"{"conversations": [{"from": "humna", "value": "x"}]}"#,
            #"1:29 E-DATA-014 "from" is "humna" (did you mean "human"?)"#
        ),
        (
            #"{"id": 3, "mesages": []}"#,
            #"1:11 E-DATA-027 the key "mesages" is none that is read (did you mean "messages"?)"#
        ),
        (
            #"{"instruction": "a", "outputs": "b"}"#,
            #"1:2 E-DATA-027 the key "instruction" is none that is read (did you mean "prompt"?)"#
        ),
        (
            #"{"foo": 1}"#,
            #"1:2 E-DATA-027 none of the keys "text", "prompt" and "completion", "messages", "conversations" is there"#
        ),
        (
            "  {}",
            #"1:3 E-DATA-027 none of the keys "text", "prompt" and "completion", "messages", "conversations" is there"#
        ),
        (
            #"{"prompt": "é", "compltion": "c"}"#,
            #"1:17 E-DATA-028 "completion" is missing, and "compltion" is no key of this shape (did you mean "completion"?)"#
        ),
        (#"{"completion": "c"}"#, #"1:2 E-DATA-028 "completion" is there without "prompt""#),
        (
            #"{"messages": [{"rol": "user", "content": "x"}]}"#,
            #"1:16 E-DATA-028 a message has no "role", and "rol" is no key of a message (did you mean "role"?)"#
        ),
        (#"{"messages": [{"role": "user"}]}"#, #"1:15 E-DATA-028 a message has no "content""#),
        (#"{"text": 5}"#, #"1:10 E-DATA-029 "text" must be a string and is a number"#),
        (#"{"messages": "x"}"#, #"1:14 E-DATA-029 "messages" must be a list of messages and is a string"#),
        (
            #"{"messages": [{"role": "user", "content": null}]}"#,
            #"1:43 E-DATA-029 "content" must be a string and is null"#
        ),
        (
            #"{"messages": ["x"]}"#,
            #"1:15 E-DATA-029 a message must be an object with "role" and "content" and is a string"#
        ),
        (
            #"{"prompt": "p", "completion": false}"#,
            #"1:31 E-DATA-029 "completion" must be a string or a list of messages and is true or false"#
        ),
        (
            #"{"text": "a", "messages": []}"#,
            #"1:15 E-DATA-030 the object has "text", "messages", which are keys of several shapes; keep those of one"#
        ),
        (#"{"messages": []}"#, #"1:14 E-DATA-031 "messages" is an empty list"#),
        (#"{"text": ""}"#, #"1:10 E-DATA-032 "text" is empty: there is nothing to learn"#),
        (#"{"prompt": "p", "completion": ""}"#, #"1:31 E-DATA-032 "completion" is empty: there is nothing to learn"#),
        (
            #"{"messages": [{"role": "user", "content": "x"}]}"#,
            #"1:14 E-DATA-033 "messages" has no assistant message: there is nothing to learn"#
        ),
        (
            #"{"messages": [{"role": "assistant", "content": "x", "weight": 0}]}"#,
            #"1:14 E-DATA-033 "messages" says of each assistant message that it is not to be learned"#
        ),
        (
            #"{"messages": [{"role": "assistant", "content": "x", "weight": 0.5}]}"#,
            #"1:63 E-DATA-029 "weight" must be 0 or 1, true or false"#
        ),
        (
            #"{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}"#,
            #"1:44 E-DATA-029 a part of a message is no text; only text is trained"#
        ),
        (
            #"{"system": "a", "messages": [{"role": "system", "content": "b"}, {"role": "assistant", "content": "x"}]}"#,
            #"1:2 E-DATA-030 "system" and the first message say two things as the system; keep one of them"#
        ),
        (
            #"{"messages": [{"role": "assistant", "content": null, "tool_calls": [{}]}]}"#,
            #"1:54 E-DATA-034 "tool_calls" calls a tool, which cannot be trained"#
        ),
        (
            #"{"prompt": "p", "completion": []}"#,
            #"1:31 E-DATA-035 "prompt" is a string and "completion" a list; both must be alike"#
        ),
    ])
    func wrongRowsNameTheirPlaceAndTheWordThatWasMeant(line: String, expected: String) throws {
        #expect(try issue(line) == expected)
    }

    @Test(arguments: [
        (#"{"text": "a" "b"}"#, #"1:14 E-DATA-016 expected "," or "}", found "\u{22}""#),
        (#"{"text": "a",}"#, #"1:14 E-DATA-016 expected a key in double quotes, found "}""#),
        (#"{'text': "a"}"#, #"1:2 E-DATA-016 expected a key in double quotes, found "'""#),
        (#"{"text": NaN}"#, #"1:10 E-DATA-016 expected a value, found "N""#),
        (#"{"text": nul}"#, #"1:10 E-DATA-016 expected null"#),
        (#"{"text" "a"}"#, #"1:9 E-DATA-016 expected ":" after the key "text", found "\u{22}""#),
        (#"{"text": "a"#, "1:12 E-DATA-017 the line ends inside a string"),
        (#"{"text": "a\"#, "1:13 E-DATA-017 the line ends inside a string"),
        (#"{"text": "a\u00"#, "1:16 E-DATA-017 the line ends inside a string"),
        (#"{"text": "a""#, #"1:13 E-DATA-017 the line ends where "," or "}" should follow"#),
        (#"{"text":"#, "1:9 E-DATA-017 the line ends where a value should follow"),
        (#"{"text": "C:\dir"}"#, #"1:13 E-DATA-018 JSON has no such escape; a backslash itself is written \\"#),
        (#"{"text": "\u12G4"}"#, #"1:11 E-DATA-018 \u wants four hexadecimal digits"#),
        (#"{"text": "é\ud800"}"#, #"1:12 E-DATA-019 \ud800 is half of a surrogate pair, without the other half"#),
        (#"{"text": "\udc00"}"#, #"1:11 E-DATA-019 \udc00 is half of a surrogate pair, without the other half"#),
        (#"{"text": "\ud800\ud800"}"#, #"1:11 E-DATA-019 \ud800 is half of a surrogate pair, without the other half"#),
        (#"{"text": "\ud800A"}"#, #"1:11 E-DATA-019 \ud800 is half of a surrogate pair, without the other half"#),
        ("{\"text\": \"a\tb\"}", #"1:12 E-DATA-020 a control character (0x9) stands in a string; write it as \u0009"#),
        (
            "{\"text\": \"a\u{0}b\"}",
            #"1:12 E-DATA-020 a control character (0x0) stands in a string; write it as \u0000"#
        ),
        (#"{"text": "a", "n": 01}"#, "1:20 E-DATA-021 a number is not spelled as JSON wants it"),
        (#"{"text": "a", "n": -}"#, "1:20 E-DATA-021 a number is not spelled as JSON wants it"),
        (#"{"text": "a", "n": 1.}"#, "1:20 E-DATA-021 a number is not spelled as JSON wants it"),
        (#"{"text": "a", "n": 0x10}"#, "1:20 E-DATA-021 a number is not spelled as JSON wants it"),
        (#"{"text": "a", "text": "b"}"#, #"1:15 E-DATA-024 the key "text" is there twice"#),
        (#"{"text": "a", "te\u0078t": "b"}"#, #"1:15 E-DATA-024 the key "text" is there twice"#),
        (#"{"text": "a"} {"text": "b"}"#, #"1:15 E-DATA-025 "{" after the end of the object"#),
        (#"[["text", "a"]]"#, "1:2 E-DATA-026 a row must be one object in braces, and this is a list"),
        (#""text""#, "1:1 E-DATA-026 a row must be one object in braces, and this is a string"),
        ("\n\r\n  \n{\"text\": 1}", #"4:10 E-DATA-029 "text" must be a string and is a number"#),
        ("\u{FEFF}{\"text\": 1}", #"1:10 E-DATA-029 "text" must be a string and is a number"#),
        (
            "{\"a\u{1B}[2J\": 1}",
            #"1:4 E-DATA-020 a control character (0x1B) stands in a string; write it as \u001B"#
        ),
        ("{\"messges\u{202E}\": \"te", "1:17 E-DATA-017 the line ends inside a string"),
    ])
    func brokenJSONNamesItsPlace(text: String, expected: String) throws { #expect(try issue(text) == expected) }

    @Test func valuesInMessagesCannotReachTheTerminal() throws {
        #expect(
            try issue("{\"messages\": [{\"role\": \"a\\u001b[2J\u{202E}\\n\", \"content\": \"x\"}]}")
                == #"1:24 E-DATA-014 "role" is "a\u{1b}[2J\u{202e}\u{a}"; it must be one of assistant, developer, system, tool, user"#
        )
        let long = String(repeating: "z", count: 500)
        #expect(try issue("{\"messages\": [{\"role\": \"\(long)\", \"content\": \"x\"}]}").count < 140)
    }

    @Test(
        arguments: [
            ([0xFF], "1:11 E-DATA-012 byte 0xFF is not UTF-8"),
            ([0xC3, 0xA9, 0xC3], "1:12 E-DATA-012 byte 0xC3 is not UTF-8"),
            ([0xC0, 0x80], "1:11 E-DATA-012 byte 0xC0 is not UTF-8"),
            ([0xED, 0xA0, 0x80], "1:11 E-DATA-012 byte 0xED is not UTF-8"),
            ([0xF4, 0x90, 0x80, 0x80], "1:11 E-DATA-012 byte 0xF4 is not UTF-8"),
        ] as [([UInt8], String)])
    func bytesThatAreNotUTF8AreFoundExactly(bytes: [UInt8], expected: String) throws {
        #expect(try issue(bytes: Array("{\"text\": \"".utf8) + bytes + Array("\"}".utf8)) == expected)
    }

    @Test func nestingIsLimitedNotRecursedInto() throws {
        let deep = String(repeating: "[", count: 100_000)
        #expect(try issue("{\"a\": \(deep)") == "1:70 E-DATA-022 nested deeper than 64 levels")
        let braces = String(repeating: "{\"a\":", count: 100_000)
        #expect(try issue(braces).hasPrefix("1:321 E-DATA-022"))
        let fine = String(repeating: "[", count: 63) + String(repeating: "]", count: 63)
        #expect(try row("{\"text\": \"a\", \"x\": \(fine)}") == .text("a"))
    }

    @Test func hugeNumbersAndManyValuesNeitherTrapNorAllocateWithoutBound() throws {
        let digits = String(repeating: "9", count: 100_000)
        #expect(try row("{\"text\": \"a\", \"x\": -\(digits).\(digits)E+\(digits)}") == .text("a"))
        let list = String(repeating: "0,", count: 300_000)
        #expect(try issue("{\"x\": [\(list)0]}").contains("E-DATA-023 the line holds more than 250000 values"))
    }

    @Test func aLineOverTheLimitIsPassedOverWithoutBeingHeld() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write("{\"text\": \"a\"}\n", to: "d.jsonl")
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.truncate(atOffset: 200 << 20)
        try handle.seekToEnd()
        try handle.write(contentsOf: Array("\n{\"text\": \"b\"}".utf8))
        try handle.close()
        let dataset = try Dataset.load(paths: [path])
        #expect(dataset.rows.map(\.row) == [.text("a"), .text("b")])
        #expect(dataset.rows.map(\.source.line) == [1, 3])
        #expect(dataset.issues.map(\.code) == [.oversizedLine])
        #expect(dataset.issues[0].line == 2)
    }

    @Test func theLimitOfALineIsExact() throws {
        var options = DatasetOptions()
        options.lineByteLimit = 13
        let dataset = try load("{\"text\": \"a\"}\n{\"text\": \"bc\"}\n{\"text\": \"d\"}".utf8, options)
        #expect(dataset.rows.map(\.row) == [.text("a"), .text("d")])
        #expect(dataset.issues.map(\.line) == [2])
    }

    @Test func linesAcrossReadBoundariesArriveWhole() throws {
        let texts = (0..<40).map {
            String(repeating: Character(UnicodeScalar(97 + UInt8($0 % 26))), count: 30_011 + $0)
        }
        let dataset = try load(texts.map { "{\"text\": \"\($0)\"}" }.joined(separator: "\r\n").utf8)
        #expect(dataset.rows.map(\.row) == texts.map { .text($0) })
    }

    @Test func allIssuesAreCountedAndTheFirstListed() throws {
        var options = DatasetOptions()
        options.listLimit = 10
        let dataset = try load(String(repeating: "x\n", count: 5000).utf8, options)
        #expect(dataset.issueCount == 5000)
        #expect(dataset.issues.count == 10)
        #expect(throws: TrainingError.self) { try dataset.requireUsable() }
    }

    @Test func readsRealPairs() throws {
        let path = TestBase.tests.appending(path: "Data/e2e.jsonl").path
        let dataset = try Dataset.load(paths: [path])
        #expect(dataset.rows.count == 60)
        #expect(dataset.issues.isEmpty)
        #expect(dataset.unusedKeys.isEmpty)
        #expect(
            dataset.rows[1].row
                == .completion(
                    prompt: "name[Alimentum], area[city centre], familyFriendly[no]",
                    completion:
                        "In the city centre there is a venue name Alimentum, this is not a family-friendly venue."))
    }

    @Test func everyCodeIsDistinctAndExplained() {
        #expect(Set(DataIssueCode.allCases.map(\.rawValue)).count == DataIssueCode.allCases.count)
        #expect(DataIssueCode.allCases.allSatisfy { $0.meaning.hasSuffix(".") })
    }

    @Test(arguments: [UInt64](0..<4)) func damagedLinesNeverTrap(seed: UInt64) throws {
        var generator = SyntheticRandom(seed: seed)
        let good = Array(
            #"{"messages": [{"role": "user", "content": "u\u00e9\ud83d\ude00"}, {"role": "assistant", "content": "a"}], "n": -1.5e3}"#
                .utf8)
        var bytes: [UInt8] = []
        for _ in 0..<2000 {
            var line = good
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<line.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: line[index] = UInt8.random(in: 0...255, using: &generator)
                case 1 where line.count > 1: line.remove(at: index)
                default: line = Array(line[...index])
                }
            }
            bytes += line + [0x0A]
        }
        let dataset = try load(bytes)
        #expect(dataset.issueCount > 1000)
        for issue in dataset.issues {
            #expect(issue.line ?? 0 >= 1)
            #expect(issue.column ?? 0 >= 1)
            #expect(issue.description.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
        }
    }
}
