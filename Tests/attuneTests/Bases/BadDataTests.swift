// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// Training data that cannot be used: told with its place, refused as a whole, nothing kept.
@Suite struct BadDataTests {
    @Test(arguments: [
        (#"{"prompt": "a", "completion": "b"#, "E-DATA-017"),
        (#"{"prompt": "a" "completion": "b"}"#, "E-DATA-016"),
        (#"["a", "b"]"#, "E-DATA-026"),
        (#"{"messages": [{"role": "user", "content": "q"}, {"role": "asistant", "content": "a"}]}"#, "E-DATA-014"),
        (#"{"prompt": "a", "complation": "b"}"#, "E-DATA-0"),
        (#"{"prompt": "a", "completion": 3}"#, "E-DATA-029"),
        (#"{"messages": []}"#, "E-DATA-031"),
        (#"{"text": "\uD800"}"#, "E-DATA-019"),
        ("\u{0}\u{0}\u{0}", "E-DATA-0"),
        (String(repeating: "[", count: 100_000), "E-DATA-0"),
    ])
    func aBrokenLineIsNamedWithItsPlace(line: String, code: String) throws {
        let store = try TinyStore()
        let good = #"{"prompt": "a", "completion": "b"}"#
        let path = try store.outside.write("\(good)\n\(line)\n\(good)\n", to: "rows.jsonl")
        let result = try store.expect("train", path, "--name", "notes", "--yes", exits: 8)
        #expect(result.errors.contains(code), "\(result.errors.prefix(400))")
        #expect(result.errors.contains("rows.jsonl:2"), "\(result.errors.prefix(400))")
        let check = try store.attune.run("data", "check", path)
        #expect(check.status == 8)
        #expect(check.isOrderly)
        #expect(check.output.contains(code))
        #expect(try store.vault().runs.all().isEmpty)
        #expect(try store.vault().statistics().documents == 0)
    }

    @Test func aMisspelledRoleIsMetWithTheRightOne() throws {
        let store = try TinyStore()
        let path = try store.outside.write(
            #"{"messages": [{"role": "user", "content": "q"}, {"role": "asistant", "content": "a"}]}"# + "\n",
            to: "chat.jsonl")
        let result = try store.expect("train", path, "--yes", exits: 8)
        #expect(result.errors.contains("assistant"))
        #expect(result.errors.contains(/chat\.jsonl:1:\d+ E-DATA-014/))
    }

    @Test func whatIsLeftOutIsCountedAndListed() throws {
        let store = try TinyStore()
        let good = try String(contentsOfFile: store.writeRows(20), encoding: .utf8)
        let path = try store.outside.write(good + "{broken\n", to: "mixed.jsonl")
        let result = try store.expect(
            TinyStore.training(path, name: "notes", extra: ["--skip-bad"]), exits: 0)
        #expect(result.errors.contains("mixed.jsonl:21"))
        #expect(result.errors.contains("left out: 1"))
    }

    @Test func bytesThatAreNotUTF8AreNamedWithTheirPlace() throws {
        let store = try TinyStore()
        for name in ["note.md", "note.txt", "note.jsonl"] {
            let path = try store.outside.write([0x61, 0x0A, 0x62, 0xFF, 0xFE, 0x0A], to: name)
            let result = try store.expect("train", path, "--yes", exits: 8)
            #expect(result.errors.contains("\(name):2"), "\(result.errors)")
        }
    }

    @Test func aLineOfAGigabyteIsRefusedWithoutReadingItIn() throws {
        let store = try TinyStore()
        for (name, size) in [("huge.jsonl", 1 << 30), ("huge.txt", 1 << 30 + 1)] {
            let path = try store.outside.write(#"{"text": ""#, to: name)
            #expect(truncate(path, size) == 0)
            let result = try store.attune.shell("ulimit -v 3000000; exec \"$ATTUNE\" train '\(path)' --yes")
            try store.check(result, exits: 8)
            #expect(result.errors.contains(name), "\(result.errors)")
        }
    }

    @Test func foldersWithoutTextAreRefused() throws {
        let store = try TinyStore()
        let empty = store.outside.path + "/empty"
        try FileManager.default.createDirectory(atPath: empty, withIntermediateDirectories: true)
        try store.expect("train", empty, "--yes", exits: 8)
        for index in 0..<5 {
            try store.outside.write((0..<500).map { UInt8(truncatingIfNeeded: $0 &* 37) }, to: "binaries/f\(index).png")
            try store.outside.write((0..<500).map { UInt8(truncatingIfNeeded: $0 &* 91) }, to: "binaries/g\(index)")
        }
        let result = try store.expect("train", store.outside.path + "/binaries", "--yes", exits: 8)
        #expect(result.errors.contains("E-DATA-002"))
        // Binary content under a name that promises text is an error of its own.
        try store.outside.write([0, 1, 2, 3, 0, 0xFF], to: "binaries/h.txt")
        try store.expect("train", store.outside.path + "/binaries", "--yes", exits: 8)
        #expect(try store.vault().runs.all().isEmpty)
    }

    @Test func hostilePathsAreRefused() throws {
        let store = try TinyStore()
        let loop = store.outside.path + "/loop"
        try FileManager.default.createDirectory(atPath: loop, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: loop + "/again", withDestinationPath: loop)
        try store.expect("train", loop, "--yes", exits: 8)
        let pipe = store.outside.path + "/pipe.jsonl"
        #expect(mkfifo(pipe, 0o600) == 0)
        let result = try store.attune.run("train", pipe, "--yes")
        #expect(result.isOrderly, "\(result.end) \(result.errors)")
        #expect([5, 8].contains(result.status), "\(result.end) \(result.errors)")
        try store.expect("train", "/dev/zero", "--yes", exits: 8)
    }
}
