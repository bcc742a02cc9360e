// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// The files of a store between two commands: whole after each, and named where one is not what it was.
@Suite struct StoreFilesTests {
    private static func size(_ store: TinyStore, _ name: String) throws -> Int {
        let path = "\(store.attune.store)/\(name)"
        guard FileManager.default.fileExists(atPath: path) else { return 0 }
        return try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
    }

    private static func chunks(_ store: TinyStore) -> [String] {
        PlaintextSearch.files(store.attune.store + "/chunks").sorted()
    }

    /// A store with two adapters in the database and a third in the log, as a killed process leaves it.
    private static func crashed() throws -> (store: TinyStore, peft: String) {
        let store = try TinyStore()
        let rows = try store.writeRows(12)
        for name in ["notes", "letters"] { try store.train(rows, name: name) }
        let folder = store.outside.path + "/peft"
        try store.expect("adapters", "export", "notes", "--format", "peft", folder, exits: 0)
        let vault = try store.vault(.writing)
        try vault.adapters.copy(try VersionReference("notes"), to: "recipes")
        for index in 0..<5 {
            try vault.documents.put(name: "\(index)", text: String(repeating: "word \(index) ", count: 900))
        }
        let saved = try ["attune.db", "attune.db-wal", "attune.mark"].map {
            ($0, try Data(contentsOf: URL(filePath: "\(store.attune.store)/\($0)")))
        }
        try vault.close()
        for (name, bytes) in saved { try bytes.write(to: URL(filePath: "\(store.attune.store)/\(name)")) }
        try? FileManager.default.removeItem(atPath: store.attune.store + "/attune.db-shm")
        return (store, folder)
    }

    @Test func everyCommandLeavesAnEmptyLogHoweverItEnds() throws {
        let store = try TinyStore()
        let rows = try store.writeRows(30)
        func expectEmptyLog(_ after: String) throws {
            #expect(try Self.size(store, "attune.db-wal") == 0, "after \(after)")
        }
        try store.train(rows, name: "notes")
        try expectEmptyLog("train")
        try store.expect("adapters", "label", "notes", "best", exits: 0)
        try expectEmptyLog("label")
        try store.expect("adapters", "rollback", "nothing@3", exits: 5)
        try expectEmptyLog("an error")
        try store.expect("chat", "notes", "--max", "2", "--temp", "0", exits: 0, input: "boat?\n")
        try expectEmptyLog("chat")
        let process = try store.attune.start(TinyStore.training(rows, name: "notes", epochs: "4", seed: 8))
        var isSent = false
        while let line = process.readLine() {
            guard !isSent, line.contains(#""event":"step""#) else { continue }
            process.send(SIGTERM)
            isSent = true
        }
        #expect(try process.wait() == .exit(143))
        try expectEmptyLog("SIGTERM")
        #expect(try Self.size(store, "attune.db") > 100_000)
        try store.expect("doctor", exits: 0)
    }

    @Test func aFlippedBitOfTheLogIsNamedByEveryCommandAndNothingIsRemoved() throws {
        let (store, peft) = try Self.crashed()
        let before = Self.chunks(store)
        let log = URL(filePath: store.attune.store + "/attune.db-wal")
        let whole = try Data(contentsOf: log)
        var damaged = whole
        damaged[32 + 5 * 4120 + 2000] ^= 1
        try damaged.write(to: log)
        for command in [
            ["adapters", "list"], ["status"], ["doctor"], ["adapters", "verify"],
            ["adapters", "import", peft, "--name", "again"],
        ] {
            let result = try store.attune.run(command)
            #expect(result.status == 8, "\(command): \(result.end)")
            #expect(result.isOrderly, "\(command): \(result.end)")
            let said = result.output + result.errors
            #expect(said.contains("E-VAULT-005"), "\(command): \(said)")
            #expect(said.contains("attune.db-wal"), "\(command): \(said)")
        }
        #expect(Self.chunks(store) == before)
        try whole.write(to: log)
        let list = try store.expect("adapters", "list", exits: 0)
        for name in ["notes", "letters", "recipes"] { #expect(list.output.contains(name)) }
        try store.expect("adapters", "verify", exits: 0)
        #expect(Self.chunks(store) == before)
    }

    @Test func aStoreWithoutItsLogGoesOnOnlyWhenAPersonSaysSo() throws {
        let (store, peft) = try Self.crashed()
        let before = Self.chunks(store)
        try FileManager.default.removeItem(atPath: store.attune.store + "/attune.db-wal")
        for command in [["adapters", "list"], ["doctor"], ["adapters", "import", peft, "--name", "again"]] {
            let result = try store.attune.run(command)
            #expect(result.status == 8, "\(command)")
            let said = result.output + result.errors
            #expect(said.contains("attune.db-wal was lost"), "\(command): \(said)")
            #expect(said.contains("attune doctor --accept-older"), "\(command): \(said)")
        }
        #expect(try store.attune.run("doctor").output.contains("2 adapters"))
        // Nobody was asked, so nothing is given up.
        try store.expect("doctor", "--accept-older", exits: 64)
        try store.expect("adapters", "list", exits: 8)
        let accepted = try store.expect("doctor", "--accept-older", "--yes", exits: 0)
        #expect(accepted.output.contains("0 problems"), "\(accepted.output)")
        #expect(Self.chunks(store) == before)
        let list = try store.expect("adapters", "list", exits: 0)
        #expect(list.output.contains("letters"))
        #expect(!list.output.contains("recipes"))
        try store.expect("adapters", "import", peft, "--name", "again", exits: 0)
        try store.expect("doctor", "--accept-older", "--yes", exits: 0)
    }

    /// An earlier Attune left the whole database in its log, and no mark.
    @Test func theLogOfAnEarlierStoreIsMissedToo() throws {
        let store = try EarlierCircle().loft
        let before = Self.chunks(store)
        let log = URL(filePath: store.attune.store + "/attune.db-wal")
        let whole = try Data(contentsOf: log)
        var damaged = whole
        damaged[32 + 45 * 4120 + 777] ^= 8
        for bytes in [damaged, nil] {
            if let bytes { try bytes.write(to: log) } else { try FileManager.default.removeItem(at: log) }
            try? FileManager.default.removeItem(atPath: store.attune.store + "/attune.db-shm")
            for command in [["adapters", "list"], ["doctor"], ["adapters", "label", "logbook", "best"]] {
                let result = try store.attune.run(command)
                #expect(result.status == 8, "\(command): \(result.output)")
                let said = result.output + result.errors
                #expect(said.contains("E-VAULT-005"), "\(command): \(said)")
                #expect(said.contains(bytes == nil ? "attune.db-wal was lost" : "frame 46 of"), "\(command): \(said)")
            }
            #expect(Self.chunks(store) == before)
        }
        try whole.write(to: log)
        try store.expect("adapters", "label", "logbook", "best", exits: 0)
        #expect(Self.chunks(store) == before)
        #expect(try Self.size(store, "attune.db-wal") == 0)
    }

    /// `cp -al` gives two folders one database, which each of them would change behind the other's back.
    @Test func aCopyOfHardLinksIsRefusedUntilItHasFilesOfItsOwn() throws {
        let store = try TinyStore()
        try store.train(try store.writeRows(8), name: "notes")
        let copy = TinyStore(store, with: "ATTUNE_STORE", store.attune.home.path + "/a copy")
        let place = copy.attune.environment["ATTUNE_STORE"] ?? ""
        let made = try store.attune.shell("cp -al '\(store.attune.store)' '\(place)'")
        try #require(made.status == 0, "\(made.errors)")
        var remedy = ""
        for one in [store, copy] {
            for command in [["adapters", "list"], ["adapters", "label", "notes", "best"], ["status"], ["doctor"]] {
                let refused = try one.attune.run(command)
                #expect(refused.status == 6, "\(command): \(refused.output)")
                let said = refused.output + refused.errors
                #expect(said.contains("E-VAULT-013"), "\(command): \(said)")
                remedy = said.firstMatch(of: /mv .+ && cp -a '.+?' '.+?'/).map { String($0.output) } ?? ""
            }
        }
        let mended = try store.attune.shell(remedy)
        #expect(mended.status == 0, "\(remedy): \(mended.errors)")
        try copy.expect("adapters", "label", "notes", "best", exits: 0)
        try copy.expect("adapters", "verify", exits: 0)
        try store.expect("status", exits: 6)
        try FileManager.default.removeItem(atPath: place + ".linked")
        try store.expect("adapters", "verify", exits: 0)
        try store.expect("adapters", "label", "notes", "best", exits: 0)
        try copy.expect("adapters", "verify", exits: 0)
    }
}
