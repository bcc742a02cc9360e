// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneTokenizer
import AttuneTraining
import Foundation
import Testing

@Suite struct DatasetTests {
    private func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch let error as TrainingError {
            return error.code
        } catch {
            return "\(error)"
        }
    }

    @Test func aFolderIsReadInOrderOfPathsAndNothingIsSkippedSilently() throws {
        let folder = try TemporaryDirectory()
        try folder.write("b", to: "b.md")
        try folder.write("deep", to: "a/z.txt")
        try folder.write("upper", to: "B.TXT")
        try folder.write("dot", to: "a.md")
        try folder.write("{\"text\": \"j\"}", to: "c.jsonl")
        try folder.write(" \n", to: "empty.md")
        try folder.write("hidden", to: ".git/x.md")
        try folder.write("hidden", to: ".x.md")
        try folder.write([0x89, 0x50], to: "p.png")
        try folder.write("x", to: "README")
        try folder.write("x", to: "a/q.PNG")
        let dataset = try Dataset.load(paths: [folder.path])
        #expect(dataset.rows.map(\.row) == ["upper", "dot", "deep", "b", "j"].map { .text($0) })
        #expect(dataset.rows.map(\.source.path) == ["B.TXT", "a.md", "a/z.txt", "b.md", "c.jsonl"])
        #expect(dataset.files == 6)
        #expect(dataset.issues.isEmpty)
        #expect(dataset.ignoredCounts == [.hidden: 2, .empty: 1, .otherType: 3])
        #expect(dataset.otherTypes == [".png": 2, "no ending": 1])
        #expect(Set(dataset.ignored.map(\.file)).contains(folder.path + "/p.png"))
        try dataset.requireUsable()
    }

    @Test func linksInAFolderAreNotFollowed() throws {
        let (outside, folder) = (try TemporaryDirectory(), try TemporaryDirectory())
        try outside.write("secret", to: "s.md")
        try folder.write("own", to: "o.md")
        let manager = FileManager.default
        try manager.createSymbolicLink(atPath: folder.path + "/l.md", withDestinationPath: outside.path + "/s.md")
        try manager.createSymbolicLink(atPath: folder.path + "/d", withDestinationPath: outside.path)
        try manager.createSymbolicLink(atPath: folder.path + "/loop", withDestinationPath: ".")
        let dataset = try Dataset.load(paths: [folder.path])
        #expect(dataset.rows.map(\.row) == [.text("own")])
        #expect(dataset.ignoredCounts == [.link: 3])
        // A link that a person names is theirs to name.
        #expect(try Dataset.load(paths: [folder.path + "/l.md"]).rows.map(\.row) == [.text("secret")])
        #expect(try Dataset.load(paths: [folder.path + "/d/"]).rows.count == 1)
    }

    @Test func severalPathsAreReadInTheOrderGivenAndNoFileTwice() throws {
        let folder = try TemporaryDirectory()
        let first = try folder.write("1", to: "x/1.md")
        let second = try folder.write("2", to: "x/2.md")
        let dataset = try Dataset.load(paths: [second, folder.path + "/x", first])
        #expect(dataset.rows.map(\.row) == [.text("2"), .text("1")])
        #expect(dataset.ignoredCounts == [.repeated: 2])
        #expect(dataset.rows.map(\.source.description) == [second, folder.path + "/x/1.md"])
    }

    @Test func lineEndsAndByteOrderMarksAreNormalised() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write([0xEF, 0xBB, 0xBF] + Array("a\r\nb\rc\r\r\n".utf8), to: "w.txt")
        #expect(try Dataset.load(paths: [path]).rows.map(\.row) == [.text("a\nb\nc\n\n")])
    }

    @Test(
        arguments: [
            ("ab\ncé".utf8 + [0xE2, 0x82], "2:3 E-DATA-012 byte 0xE2 is not UTF-8"),
            ("é\n\nab".utf8 + [0x00, 0xFF], "3:3 E-DATA-013 the file holds a NUL byte, so it is not text"),
            ([0xFF, 0xFE, 0x61, 0x00], "1:1 E-DATA-012 the file is UTF-16; convert it with iconv -f UTF-16 -t UTF-8"),
            ([0xEF, 0xBB, 0xBF, 0x61, 0x80], "1:2 E-DATA-012 byte 0x80 is not UTF-8"),
        ] as [([UInt8], String)])
    func textThatIsNotUTF8IsRefusedAtTheExactPlace(bytes: [UInt8], expected: String) throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write(bytes, to: "t.md")
        let dataset = try Dataset.load(paths: [path])
        #expect(dataset.issues.map(\.description) == ["\(path):\(expected)"])
        #expect(dataset.rows.isEmpty)
        #expect(code { try dataset.requireUsable() } == "E-DATA-005")
    }

    @Test func badFilesAndLinesCanBeSkippedAndAreThenCounted() throws {
        let folder = try TemporaryDirectory()
        try folder.write("good", to: "a.md")
        try folder.write([0xFF], to: "b.md")
        try folder.write("{\"text\": \"j\"}\n{\"txt\": \"j\"}\n{\"text\": \"k\"}", to: "c.jsonl")
        let strict = try Dataset.load(paths: [folder.path])
        #expect(code { try strict.requireUsable() } == "E-DATA-005")
        let dataset = try Dataset.load(paths: [folder.path], options: DatasetOptions(skipBad: true))
        try dataset.requireUsable()
        #expect(dataset.rows.map(\.row) == [.text("good"), .text("j"), .text("k")])
        #expect(dataset.issueCount == 2)
        #expect(dataset.issues.map(\.line) == [1, 2])
    }

    @Test func nothingToTrainOnIsAClearError() throws {
        let folder = try TemporaryDirectory()
        #expect(code { _ = try Dataset.load(paths: [folder.path]) } == "E-DATA-002")
        let empty = try folder.write("", to: "e.md")
        #expect(code { _ = try Dataset.load(paths: [empty]) } == "E-DATA-002")
        try FileManager.default.removeItem(atPath: empty)
        try folder.write([0, 1], to: "a.png")
        try folder.write([0, 1], to: "b.png")
        do {
            _ = try Dataset.load(paths: [folder.path])
            Issue.record("a folder of pictures was loaded")
        } catch let error as TrainingError {
            #expect(error.code == "E-DATA-002")
            #expect(error.exitStatus == .invalidData)
            #expect(error.message.contains("2 .png"))
        }
        #expect(code { _ = try Dataset.load(paths: [folder.path + "/a.png"]) } == "E-DATA-003")
        #expect(code { _ = try Dataset.load(paths: [folder.path + "/none.md"]) } == "E-DATA-001")
        #expect(code { _ = try Dataset.load(paths: [folder.path + "/a\u{0}.md"]) } == "E-DATA-001")
        #expect(code { _ = try Dataset.load(paths: []) } == "E-DATA-002")
        try folder.write([0, 1], to: "c.md")
        let skipping = DatasetOptions(skipBad: true)
        #expect(code { _ = try Dataset.load(paths: [folder.path], options: skipping) } == "E-DATA-002")
    }

    @Test func limitsHoldForFilesFoldersAndTheWhole() throws {
        let folder = try TemporaryDirectory()
        try folder.write("12345", to: "a.md")
        try folder.write("123456", to: "b.md")
        var options = DatasetOptions()
        options.fileByteLimit = 5
        let dataset = try Dataset.load(paths: [folder.path], options: options)
        #expect(dataset.rows.count == 1)
        #expect(dataset.issues.map(\.code) == [.oversizedFile])
        options = DatasetOptions()
        options.totalByteLimit = 10
        #expect(code { _ = try Dataset.load(paths: [folder.path], options: options) } == "E-DATA-004")
        options = DatasetOptions()
        options.fileCountLimit = 1
        #expect(code { _ = try Dataset.load(paths: [folder.path], options: options) } == "E-DATA-004")
        try folder.write("deep", to: (0..<70).map { "\($0)" }.joined(separator: "/") + "/c.md")
        let deep = try Dataset.load(paths: [folder.path])
        #expect(deep.issues.map(\.code) == [.unreadableFolder])
        #expect(deep.rows.count == 2)
    }

    @Test func aSparseFileOverTheLimitIsRefusedUnread() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write("x", to: "a.md")
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.truncate(atOffset: 2 << 30)
        try handle.close()
        #expect(try Dataset.load(paths: [path]).issues.map(\.code) == [.oversizedFile])
    }

    @Test func hostileFileNamesAreEscapedInMessages() throws {
        let folder = try TemporaryDirectory()
        try folder.write([0xFF], to: "a\u{1B}[2J\n\u{202E}:1:2 E-DATA-014 x\\.md")
        let issue = try #require(try Dataset.load(paths: [folder.path]).issues.first)
        #expect(
            issue.description
                == folder.path
                + #"/a\u{1b}[2J\u{a}\u{202e}\u{3a}1\u{3a}2 E-DATA-014 x\\.md:1:1 E-DATA-012 byte 0xFF is not UTF-8"#)
    }

    @Test func namesThatAreNotUTF8CanStillBeRead() throws {
        let folder = try TemporaryDirectory()
        let name = (Array(folder.path.utf8) + Array("/n".utf8) + [0xFF] + Array(".md".utf8) + [0]).map {
            CChar(bitPattern: $0)
        }
        let descriptor = open(name, O_WRONLY | O_CREAT, 0o600)
        #expect(write(descriptor, "text", 4) == 4)
        close(descriptor)
        let dataset = try Dataset.load(paths: [folder.path])
        #expect(dataset.rows.map(\.row) == [.text("text")])
        #expect(dataset.rows[0].source.path == "n\u{FFFD}.md")
    }

    @Test func aPipeInAFolderIsPassedOver() throws {
        let folder = try TemporaryDirectory()
        try folder.write("x", to: "x.md")
        #expect(mkfifo(folder.path + "/p.md", 0o600) == 0)
        let dataset = try Dataset.load(paths: [folder.path])
        #expect(dataset.rows.count == 1)
        #expect(dataset.ignoredCounts == [.special: 1])
        #expect(code { _ = try Dataset.load(paths: [folder.path + "/p.md"]) } == "E-DATA-002")
    }

    @Test func canonicalBytesTellRowsApartWhateverTheirPlace() {
        let rows: [DataRow] = [
            .text("ab"), .text("a"), .completion(prompt: "a", completion: "b"),
            .completion(prompt: "ab", completion: ""), .completion(prompt: "", completion: "ab"),
            .chat([.init(role: .user, content: "a"), .init(role: .user, content: "b")]),
            .chat([.init(role: .user, content: "ab")]), .chat([.init(role: .assistant, content: "ab")]),
            .chatCompletion(
                prompt: [.init(role: .user, content: "a")], completion: [.init(role: .user, content: "b")]),
        ]
        #expect(Set(rows.map { $0.canonicalBytes() }).count == rows.count)
        #expect(rows[1].canonicalBytes() == [0, 0, 0, 0, 0, 0, 0, 0, 1, 0x61])
    }

    @Test func readsRealFiles() throws {
        let dataset = try Dataset.load(paths: [TestBase.tests.appending(path: "Data/diary").path])
        #expect(dataset.rows.count == 12)
        #expect(dataset.files == 12)
        #expect(dataset.issues.isEmpty)
        #expect(dataset.rows[0].source.path == "1660-00-preface.md")
        let split = Split.byDocument(dataset.rows, validation: 0.1)
        #expect(split.validation.map(\.source.path) == ["1660-01-09.md"])
    }
}
