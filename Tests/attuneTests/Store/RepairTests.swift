// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// `attune doctor --repair` over real stores and processes.
@Suite struct RepairTests {
    private static func contents(_ path: String) throws -> [String: Data] {
        try PlaintextSearch.files(path).reduce(into: [:]) { $0[$1] = try Data(contentsOf: URL(filePath: $1)) }
    }

    @Test func aDamagedStoreIsSavedIntoANewOneAndNotChanged() throws {
        let store = try TinyStore()
        let rows = try store.writeRows(20)
        try store.train(rows, name: "notes")
        try store.train(rows, name: "letters", seed: 8)
        let versions = try store.versions()
        let whole = store.outside.path + "/whole"
        let saved = try store.expect("doctor", "--repair", whole, "--json", exits: 0).json()
        #expect(saved["complete"] as? Bool == true)
        #expect(saved["versions"] as? Int == 2)
        #expect(try TinyStore(store, with: "ATTUNE_STORE", whole).versions() == versions)
        #expect(try store.expect("doctor", "--repair", whole, exits: 6).errors.contains("E-VAULT-008"))

        // The chunk of one version is gone.
        let vault = try store.vault()
        let before = PlaintextSearch.files(store.attune.store + "/chunks")
        try vault.close()
        let lost = try #require(
            before.first { path in
                let copy = try? Data(contentsOf: URL(filePath: path))
                try? FileManager.default.removeItem(atPath: path)
                let names = (try? store.attune.run("adapters", "verify").output) ?? ""
                if names.contains("letters@1") { return true }
                try? copy?.write(to: URL(filePath: path))
                return false
            })
        let files = try Self.contents(store.attune.store)
        let target = store.outside.path + "/new"
        let result = try store.attune.run("doctor", "--repair", target)
        #expect(result.status == 3, "\(result.output) \(result.errors)")
        #expect(result.output.contains("LOST      letters@1: the chunk file"), "\(result.output)")
        #expect(result.output.contains("versions  1 whole"), "\(result.output)")
        #expect(result.errors.contains("E-VAULT-012 not all of the damaged store could be saved"), "\(result.errors)")
        #expect(try Self.contents(store.attune.store) == files)
        let new = TinyStore(store, with: "ATTUNE_STORE", target)
        #expect(try new.versions() == versions.filter { $0.key == "notes@1" })
        try new.expect("adapters", "verify", exits: 0)
        try new.expect("doctor", exits: 0)
        try new.train(rows, name: "notes", seed: 9)
        #expect(try PlaintextSearch.find(["The boat is seen on day"], below: target) == [])
        #expect(!FileManager.default.fileExists(atPath: lost))

        let wrong = try store.outside.write("another passphrase\n", to: "wrong")
        chmod(wrong, 0o600)
        try store.expect("doctor", "--repair", target + "2", "--key-file", wrong, exits: 12)
        try store.expect("doctor", "--repair", store.attune.store + "/in", exits: 6)
        #expect(!FileManager.default.fileExists(atPath: target + "2"))
    }

    /// What a relay has too comes back from there: the repaired store is the same device.
    @Test func whatWasPublishedIsFetchedAgain() throws {
        let first = try TinyStore()
        let second = try TinyStore(outside: first.outside)
        let relay = try RelayProcess()
        try SyncCircle.pair(first, second, relays: (relay.address, relay.address))
        try first.train(try first.writeRows(20), name: "notes")
        try SyncCircle.sync(first)
        let answer = try SyncCircle.answer(first, "notes")
        // A checkpoint's chunks are not published, and every other one is of the version.
        for chunk in PlaintextSearch.files(first.attune.store + "/chunks") {
            try FileManager.default.removeItem(atPath: chunk)
        }
        let target = first.outside.path + "/new"
        let result = try first.attune.run("doctor", "--repair", target, "--json")
        #expect(result.status == 3, "\(result.output) \(result.errors)")
        let report = try result.json()
        #expect(report["circle"] as? String == "kept")
        #expect(report["fetched_again"] as? [String] == ["notes@1"])
        let new = TinyStore(first, with: "ATTUNE_STORE", target)
        try SyncCircle.sync(new)
        #expect(try SyncCircle.answer(new, "notes") == answer)
        try new.train(try new.writeRows(20), name: "notes", seed: 9)
        try SyncCircle.sync(new)
        try SyncCircle.sync(second)
        #expect(try second.versions().count == 2)
        withExtendedLifetime(relay) {}
    }
}
