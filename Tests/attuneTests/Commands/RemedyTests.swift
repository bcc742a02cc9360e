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
            "init", "train", "ask", "chat", "eval", "status", "doctor", "paths", "undo", "explain", "backup", "restore",
            "bench",
        ]
        // A command that comes to be is looked at too.
        let known = try attune.run("--help").output.split(separator: "\n")
            .compactMap { $0.firstMatch(of: /^  ([a-z]+) {2,}\S/)?.output.1 }.map(String.init)
        #expect(Set(groups + single) == Set(known))
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

    /// What mends it works as it is said, also where the store was named in the arguments.
    @Test func aRemedyNamesTheStoreThatWasGiven() throws {
        let store = try TinyStore()
        let place = store.outside.path + "/it's-my store"
        try FileManager.default.moveItem(atPath: store.attune.store, toPath: place)
        for command in [
            ["adapters", "show", "nothing"], ["adapters", "rm", "nothing", "--yes"],
            ["devices", "revoke", "x", "--yes"],
            ["runs", "show", "nothing"], ["sync", "now"], ["undo"],
        ] {
            let failed = try store.attune.run(command + ["--store", place])
            #expect(failed.status != 0, "\(command)")
            // As far as it stands there without a word that stands for something else.
            for said in failed.errors.matches(of: /attune ([a-z]+ )+--store '\S+? store'/) {
                let words = said.output.0.replacing(/^attune/, with: "\"$ATTUNE\"")
                let run = try store.attune.shell(String(words))
                #expect(run.status != 10, "\(words): \(run.errors)")
                #expect(!run.errors.contains(/Error: (?!Missing)/), "\(words): \(run.errors)")
            }
            let commands = failed.errors.matches(of: /attune [a-z]+/).count
            let named = failed.errors.ranges(of: "--store").count
            #expect(commands == named, "\(command): \(failed.errors)")
        }
        // Another device's store is elsewhere.
        try store.expect("devices", "add", "--store", place, "--relay", "nonsense", exits: 64)
        let elsewhere = try store.attune.run("sync", "now", "--direct", "127.0.0.1:1", "--store", place)
        #expect(!elsewhere.errors.contains("serve --store"), "\(elsewhere.errors)")
    }

    /// A damaged page and a damaged chunk: what `doctor` says to do can be done, and is not to ask `doctor`.
    @Test func whatDoctorSaysOfDamageMendsIt() throws {
        let store = try TinyStore()
        try store.train(try store.writeRows(20), name: "notes")
        let backup = store.outside.path + "/backup"
        try store.expect("backup", backup, exits: 0)
        let new = store.outside.path + "/new"
        func flip(_ path: String, at offset: Int) throws {
            var bytes = try Data(contentsOf: URL(filePath: path))
            bytes[offset] ^= 1
            try bytes.write(to: URL(filePath: path))
        }
        func remedies() throws -> [String] {
            let run = try store.attune.run("doctor", "--json")
            #expect(run.status == 8)
            let report = try run.json()
            let findings = try #require(report["findings"] as? [[String: Any]]).filter {
                $0["grade"] as? String == "fail"
            }
            #expect(!findings.isEmpty)
            return try findings.map { try #require($0["remedy"] as? String, "\($0)") }
        }
        let database = store.attune.store + "/attune.db"
        try flip(database, at: 5 * 4096 + 100)
        for remedy in try remedies() {
            #expect(remedy.contains("attune restore BACKUP --store NEWPATH"), "\(remedy)")
            #expect(remedy.contains("attune doctor --repair NEWPATH"), "\(remedy)")
            #expect(!remedy.contains("adapters rm"), "\(remedy)")
        }
        #expect([0, 3].contains(try store.attune.run("doctor", "--repair", new).status))
        try store.expect("restore", backup, "--store", new + "2", exits: 0)
        try flip(database, at: 5 * 4096 + 100)
        let chunks = PlaintextSearch.files(store.attune.store + "/chunks")
        for chunk in chunks { try flip(chunk, at: 100) }
        let removal = try #require(try remedies().compactMap { $0.firstMatch(of: /attune (adapters rm notes)$/) }.first)
        try store.expect(removal.output.1.split(separator: " ").map(String.init) + ["--yes"], exits: 0)
        // What lies in the trash is still damaged, and is not to be removed once more.
        let trashed = try remedies()
        #expect(!trashed.contains { $0.contains("adapters rm") }, "\(trashed)")
        let erasure = try #require(trashed.compactMap { $0.firstMatch(of: /attune (trash empty --all)$/) }.first)
        try store.expect(erasure.output.1.split(separator: " ").map(String.init) + ["--yes"], exits: 0)
        try store.expect("adapters", "verify", exits: 0)
    }

    /// A store without its key file is damaged, not absent; the file of a backup opens it.
    @Test func aMissingKeyFileIsMendedFromABackup() throws {
        let store = try TinyStore()
        let backup = store.outside.path + "/backup"
        try store.expect("backup", backup, exits: 0)
        try FileManager.default.removeItem(atPath: store.attune.store + "/vault.key")
        for command in [
            ["doctor"], ["doctor", "--repair", store.outside.path + "/new"], ["status"], ["adapters", "list"],
            ["backup", backup],
        ] {
            let run = try store.attune.run(command)
            #expect(run.status == 8, "\(command): \(run.errors)")
            let said = run.output + run.errors
            #expect(said.contains("vault.key is missing"), "\(command): \(said)")
            #expect(!said.contains("attune init"), "\(command): \(said)")
        }
        try store.expect("init", "--yes", exits: 6)
        let output = try store.attune.run("doctor").output
        let copy = String(try #require(output.firstMatch(of: /cp BACKUP\/states\/N\/vault.key [^;]+/)).output)
        let command = copy.replacing("BACKUP", with: backup).replacing("/N/", with: "/1/")
        #expect(try store.attune.shell(command).status == 0, "\(command)")
        try store.expect("doctor", exits: 0)
    }
}
