// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import AttuneTraining
import Testing

/// JSON files whose values span lines: lists of rows, and objects as tools print them for people.
@Suite struct JSONDocumentTests {
    private func load(_ text: String, _ options: DatasetOptions = .init()) throws -> Dataset {
        let folder = try TemporaryDirectory()
        return try Dataset.load(paths: [folder.write(text, to: "d.json")], options: options)
    }

    private func issue(_ text: String) throws -> String {
        let dataset = try load(text)
        #expect(dataset.issueCount == 1, "\(dataset.issues)")
        var found = try #require(dataset.issues.first)
        found.file = "d"
        return String(found.description.dropFirst(2))
    }

    @Test(arguments: [
        #"[{"text": "a[{"}, {"text": "é\\\""}]"#,
        "[\n  {\n    \"text\": \"a[{\"\n  },\n  {\"text\":\n \"é\\\\\\\"\"}\n]\n",
        "{\n  \"text\": \"a[{\"\n}\n{\n  \"text\": \"é\\\\\\\"\"\n}",
        "\u{FEFF} [{\"text\": \"a[{\"}]\n[{\"text\": \"é\\\\\\\"\"}]",
        "{\"id\": 3,\n \"text\": \"a[{\"}\n\n{\"text\": \"é\\\\\\\"\"}",
    ])
    func valuesArriveHoweverTheyAreLaidOut(text: String) throws {
        let dataset = try load(text)
        #expect(dataset.issues.isEmpty, "\(dataset.issues)")
        #expect(dataset.rows.map(\.row) == [.text("a[{"), .text(#"é\""#)])
    }

    @Test func rowsAndIssuesNameTheirPlace() throws {
        let dataset = try load("[\n  {\"text\": \"é\"},\n  {\n    \"text\": 5},   {\"é\": \"x\", \"txt\": 1}\n]")
        #expect(dataset.rows.map(\.source.line) == [2])
        #expect(dataset.issues.map(\.line) == [4, 4])
        #expect(dataset.issues.map(\.column) == [13, 30])
        #expect(dataset.issues.map(\.code) == [.wrongType, .unknownShape])
    }

    @Test(arguments: [
        (#"[{"text": "a"},]"#, #"1:16 E-DATA-016 expected an object, found "]"; nothing after this is read"#),
        (
            #"[{"text": "a"} {"text": "b"}]"#,
            #"1:16 E-DATA-016 expected "," or "]", found "{"; nothing after this is read"#
        ),
        (#"[{"text": "a"}"#, "1:15 E-DATA-017 the file ends before its list does; nothing after this is read"),
        (
            "[\n{\"text\": ",
            "2:1 E-DATA-017 the file ends before the object that begins here does; nothing after this is read"
        ),
        (#"["a"]"#, #"1:2 E-DATA-016 expected an object or "]", found "\u{22}"; nothing after this is read"#),
        (#"[{"text": "a"}] x"#, #"1:17 E-DATA-016 expected an object, found "x"; nothing after this is read"#),
    ])
    func whatIsBrokenIsNamedOnce(text: String, expected: String) throws { #expect(try issue(text) == expected) }

    @Test func aLineThatWasCutOffIsNoDocument() throws {
        let dataset = try load("{\"text\": \"a\n{\"text\": \"b\"}\n{\"text\": \"c\",\n{\"text\": \"d\"}")
        #expect(dataset.rows.map(\.row) == [.text("b"), .text("d")])
        #expect(dataset.issues.map(\.line) == [1, 3])
    }

    @Test func nestingAndLengthAreBounded() throws {
        var options = DatasetOptions()
        options.lineByteLimit = 20
        let dataset = try load("[{\"text\": \"abcdefghijkl\"},{\"text\": \"b\"}]", options)
        #expect(dataset.rows.map(\.row) == [.text("b")])
        #expect(dataset.issues.map(\.code) == [.oversizedLine])
        let deep = String(repeating: "[", count: 100_000)
        #expect(try issue(deep).contains("E-DATA-017"))
        #expect(try issue("[" + deep + String(repeating: "]", count: 100_001)).contains("E-DATA-022"))
    }

    @Test func aFileThatIsNamedIsReadAndOneInAFolderIsOnlyCounted() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write("[{\"text\": \"a\"}]", to: "rows.json")
        try folder.write("note", to: "n.md")
        #expect(try Dataset.load(paths: [path]).rows.map(\.row) == [.text("a")])
        let all = try Dataset.load(paths: [folder.path])
        #expect(all.rows.map(\.row) == [.text("note")])
        #expect(all.otherTypes == [".json": 1])
    }

    @Test func valuesAcrossReadBoundariesArriveWhole() throws {
        let texts = (0..<40).map {
            String(repeating: Character(UnicodeScalar(97 + UInt8($0 % 26))), count: 30_011 + $0)
        }
        let dataset = try load("[" + texts.map { "{\"text\": \"\($0)\"}" }.joined(separator: ",\n") + "]")
        #expect(dataset.rows.map(\.row) == texts.map { .text($0) })
    }
}
