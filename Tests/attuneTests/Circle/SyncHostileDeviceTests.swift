// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneKit
import AttuneSync
import AttuneTensor
import AttuneTestSupport
import AttuneVault
import AttuneWire
import Foundation
import Testing

/// A device that belongs to the circle and publishes, well signed and sealed, what no adapter may hold.
@Suite struct SyncHostileDeviceTests {
    @Test func badTensorsAreSetApartWhenTheyArriveAndHoldUpNothingElse() throws {
        let hostile = try TinyStore()
        let desk = try TinyStore(outside: hostile.outside)
        let relay = try RelayProcess()
        try SyncCircle.pair(hostile, desk, relays: (relay.address, relay.address))
        let rows = try hostile.writeRows(24)
        try hostile.train(rows, name: "notes")
        try SyncCircle.sync(hostile)
        try SyncCircle.sync(desk)
        let answer = try SyncCircle.answer(desk, "notes")
        let heads = try SyncCircle.heads(desk, "notes")

        try Self.plant(in: hostile, "notes", .nan)
        try Self.plant(in: hostile, "notes", 1e30)
        try Self.plant(in: hostile, "huge", 1e30)
        try hostile.train(rows, name: "other", seed: 9)
        try SyncCircle.sync(hostile)
        let report = try SyncCircle.sync(desk, exits: 8)
        let refused = try #require(report["refused"] as? [[String: Any]])
        #expect(Set(refused.compactMap { $0["version"] as? String }) == ["notes@2", "notes@3", "huge@1"])
        #expect(report["problems"] as? [Any] != nil)
        #expect(report["is_complete"] as? Bool == true)

        // The name stays where it was, and what else came can be used.
        #expect(try SyncCircle.heads(desk, "notes") == heads)
        #expect(try SyncCircle.answer(desk, "notes") == answer)
        _ = try SyncCircle.answer(desk, "other")
        try desk.expect("ask", "huge", "What of the boat 3?", exits: 8)
        try desk.expect("ask", "notes@3", "What of the boat 3?", exits: 8)
        try desk.expect("adapters", "export", "huge", desk.outside.path + "/huge", "--format", "peft", exits: 8)

        // What was found is kept, and said once.
        let log = try desk.expect("sync", "log", exits: 0).output
        #expect(log.contains("alarm"))
        #expect(log.contains("brought tensors that are refused"))
        let status = try desk.expect("sync", "status", "--json", exits: 0).json()
        #expect(Set(try #require(status["refused"] as? [String])) == ["notes@2", "notes@3", "huge@1"])
        let vault = try desk.vault()
        #expect(try vault.evidence.all().filter { $0.kind == BlobTable.refusedTensors && !$0.other.isEmpty }.count == 3)
        try vault.close()
        #expect((try SyncCircle.sync(desk)["refused"] as? [Any])?.isEmpty == true)

        // What follows the last good version is taken as ever.
        try hostile.train(rows, name: "notes", seed: 21, extra: ["--from", "notes@1"])
        try SyncCircle.sync(hostile)
        try SyncCircle.sync(desk)
        #expect(try SyncCircle.answer(desk, "notes") == SyncCircle.answer(hostile, "notes"))
        #expect(try SyncCircle.heads(desk, "notes").count == 1)
        // Work goes on here too.
        try desk.train(rows, name: "notes", seed: 22, extra: ["--from", "notes"])
        try SyncCircle.sync(desk)
        try SyncCircle.sync(hostile)
        #expect(try SyncCircle.answer(desk, "notes") == SyncCircle.answer(hostile, "notes"))
    }

    @Test func aDeviceThatServesSetsApartWhatIsPushedToIt() throws {
        let desk = try TinyStore()
        let hostile = try TinyStore(outside: desk.outside)
        try SyncCircle.pairDirectly(desk, hostile, name: "hostile")
        let rows = try desk.writeRows(24)
        try hostile.train(rows, name: "notes")
        let sound = try SyncCircle.heads(hostile, "notes")
        try Self.plant(in: hostile, "notes", .infinity)
        try Self.plant(in: hostile, "alone", .nan)
        try SyncCircle.serving(desk) { address in
            try SyncCircle.sync(hostile, ["--direct", address])
            try SyncCircle.sync(hostile, ["--direct", address])
        }
        let status = try desk.expect("sync", "status", "--json", exits: 0).json()
        #expect(Set(try #require(status["refused"] as? [String])) == ["notes@2", "alone@1"])
        #expect(try SyncCircle.heads(desk, "notes") == sound)
    }

    @Test func bombsAreNeitherFetchedNorUnpackedAndHoldUpNothing() throws {
        let hostile = try TinyStore()
        let desk = try TinyStore(outside: hostile.outside)
        let relay = try RelayProcess()
        let tower = try TinyStore(outside: hostile.outside)
        try SyncCircle.pair(hostile, desk, relays: (relay.address, relay.address), names: ("mal", "desk"))
        try SyncCircle.pair(hostile, tower, relays: (relay.address, relay.address), names: ("mal", "tower"))
        let rows = try hostile.writeRows(24)
        try hostile.train(rows, name: "notes")
        try Self.plantBombs(in: hostile)
        try SyncCircle.sync(hostile)
        try desk.expect("sync", "limit", "--largest", "8M", exits: 0)

        // Again and again, with no more memory than such a command takes.
        func sync() throws {
            let result = try desk.attune.shell(#"ulimit -v 1500000; "$ATTUNE" sync now --json"#)
            #expect(result.end == .exit(0), "\(result.errors)")
            #expect(result.isOrderly, "\(result.errors)")
        }
        try sync()
        try sync()
        _ = try SyncCircle.answer(desk, "notes")
        #expect(try desk.versions().keys.sorted() == ["large@1", "notes@1"])
        let refused = try desk.expect("ask", "large", "What of the boat 3?", exits: 7)
        #expect(refused.errors.contains("E-MEMORY-004"), "\(refused.errors)")
        let files = try FileManager.default.subpathsOfDirectory(atPath: desk.attune.store + "/chunks")
        #expect(files.count { $0.count > 60 } == 1)

        try desk.expect("devices", "revoke", "mal", "--yes", exits: 0)
        try sync()
        try desk.train(rows, name: "notes", seed: 3, extra: ["--from", "notes"])
        try sync()
        _ = try SyncCircle.answer(desk, "notes")
        let vault = try desk.vault()
        #expect(try vault.blobs.arrivedVersions().isEmpty)
        #expect(try vault.verify().isWhole)
        try vault.close()
    }

    @Test func aWordAboutAnotherLogIsToldWithBothNamesAndStopsNothing() throws {
        let hostile = try TinyStore()
        let desk = try TinyStore(outside: hostile.outside)
        let relay = try RelayProcess()
        try SyncCircle.pair(hostile, desk, relays: (relay.address, relay.address), names: ("mal", "desk"))
        let rows = try desk.writeRows(24)
        try desk.train(rows, name: "notes")
        try SyncCircle.sync(desk)
        try SyncCircle.sync(hostile)
        try Self.sayOfOthers(in: hostile)
        try hostile.train(rows, name: "other", seed: 9)
        try SyncCircle.sync(hostile)

        let told = try desk.expect("sync", "now", exits: 6)
        #expect(told.errors.contains("E-SYNC-009"), "\(told.errors)")
        #expect(told.errors.contains("says that entry 1 of this device"), "\(told.errors)")
        #expect(told.errors.contains("attune sync settle"), "\(told.errors)")
        // Everything came, and the name moved; it is said once.
        _ = try SyncCircle.answer(desk, "other")
        try SyncCircle.sync(desk)
        let status = try desk.expect("sync", "status", exits: 0).output
        #expect(status.contains("DOUBT  mal ("), "\(status)")
        try desk.expect("sync", "settle", exits: 64)
        let shown = try desk.expect("sync", "settle", "--json", exits: 0).json()
        let doubts = try #require(shown["doubts"] as? [[String: Any]])
        #expect(doubts.count == 1)
        #expect((doubts.first?["author"] as? [String: Any])?["name"] as? String == "mal")
        #expect((doubts.first?["subject"] as? [String: Any])?["name"] as? String == "desk")
        let settled = try desk.expect("sync", "settle", "--yes", "--json", exits: 0).json()
        #expect(settled["settled"] as? Int == 1)
        let after = try desk.expect("sync", "status", "--json", exits: 0).json()
        #expect((after["doubts"] as? [Any])?.isEmpty == true, "\(after)")

        // What it did is shown entry by entry, and can be taken back by a person.
        let deeds = try desk.expect("sync", "undo", "mal", "--json", exits: 0).json()
        #expect((deeds["deeds"] as? [Any])?.count == 2, "\(deeds)")
        try desk.expect("sync", "undo", "mal", "--after", "0", "--yes", exits: 0)
        let listed = try desk.expect("adapters", "list", exits: 0).output
        #expect(!listed.contains("other"), "\(listed)")
        #expect(listed.contains("notes"))
    }

    @Test func whatADeviceDidSinceAMomentIsUndoneWhenItIsShutOut() throws {
        let hostile = try TinyStore()
        let desk = try TinyStore(outside: hostile.outside)
        let relay = try RelayProcess()
        let tower = try TinyStore(outside: hostile.outside)
        for (other, name) in [(desk, "desk"), (tower, "tower")] {
            try SyncCircle.pair(hostile, other, relays: (relay.address, relay.address), names: ("mal", name))
        }
        try SyncCircle.sync(desk)
        let rows = try desk.writeRows(24)
        try desk.train(rows, name: "notes")
        try SyncCircle.sync(desk)
        try SyncCircle.sync(hostile)
        try hostile.train(rows, name: "other", seed: 9)
        try SyncCircle.sync(hostile)
        try SyncCircle.sync(desk)
        Thread.sleep(forTimeInterval: 1.1)
        let moment = Date().formatted(.iso8601)
        try hostile.expect("adapters", "rename", "notes", "stolen", exits: 0)
        try hostile.expect("adapters", "rename", "other", "notes", exits: 0)
        try hostile.train(rows, name: "late", seed: 10)
        try hostile.train(rows, name: "notes", seed: 11, extra: ["--from", "notes"])
        // One that it lets in stays.
        let hut = try TinyStore(outside: hostile.outside)
        try SyncCircle.pair(hostile, hut, relays: (relay.address, relay.address), names: ("mal", "hut"))
        try SyncCircle.sync(hostile)
        try SyncCircle.sync(desk)
        try SyncCircle.sync(tower)
        #expect(try desk.versions().keys.sorted() == ["late@1", "notes@1", "notes@2", "stolen@1"])

        @discardableResult
        func revoke(_ options: String..., exits: Int32) throws -> String {
            try desk.expect(["devices", "revoke", "mal", "--yes"] + options, exits: exits).errors
        }
        try revoke("--since", "yesterday", exits: 64)
        try revoke("--since", moment, "--after", "1", exits: 64)
        try revoke("--after", "99", exits: 5)
        // What it costs stands there before the question.
        let told = try revoke("--since", moment, exits: 0)
        let changes = [
            "To the trash (attune trash list): late, notes@2.", "Called otherwise: notes is other, stolen is notes.",
            "Pointing elsewhere: other at other@1.",
        ]
        for line in changes { #expect(told.contains(line), "\(told)") }
        #expect(told.contains("Let in by it, and still in the circle: hut ("), "\(told)")
        #expect(told.contains(", tower ("), "\(told)")
        #expect(try desk.versions().keys.sorted() == ["notes@1", "other@1"])
        // Where nobody was asked it is said with the sync that does it, and stays in the log.
        let news = try tower.expect("sync", "now", exits: 0).output
        let log = try tower.expect("sync", "log", exits: 0).output
        #expect(news.contains("Without what counts no longer of mal ("), "\(news)")
        for line in changes {
            #expect(news.contains(line), "\(news)")
            #expect(log.contains(line), "\(log)")
        }
        #expect(try tower.versions().keys.sorted() == ["notes@1", "other@1"])
        // It is said once.
        #expect(try !tower.expect("sync", "now", exits: 0).output.contains("trash"))
        try SyncCircle.sync(desk)
        _ = try SyncCircle.answer(desk, "notes")
        _ = try SyncCircle.answer(desk, "other")
    }

    /// What a device in the wrong hands takes from the others by shutting an honest one out comes back with that one.
    @Test func anHonestDeviceThatWasShutOutBringsItsWorkBack() throws {
        let first = try TinyStore()
        let relay = try RelayProcess()
        let relays = (relay.address, relay.address)
        let (hostile, tower) = (try TinyStore(outside: first.outside), try TinyStore(outside: first.outside))
        // A third stays, or shutting the last one out would take the recovery words.
        let hut = try TinyStore(outside: first.outside)
        for (other, name) in [(hostile, "mal"), (tower, "tower"), (hut, "hut")] {
            try SyncCircle.pair(first, other, relays: relays, names: ("loft", name))
        }
        let rows = try tower.writeRows(24)
        try tower.train(rows, name: "notes")
        try tower.train(rows, name: "notes", seed: 3, extra: ["--from", "notes"])
        for store in [tower, first, hostile] { try SyncCircle.sync(store) }
        let answer = try SyncCircle.answer(tower, "notes")
        // One version more is nowhere but with the device itself when it is shut out.
        try tower.train(rows, name: "unsent", seed: 4)
        try hostile.expect("devices", "revoke", "tower", "--after", "0", "--yes", exits: 0)
        let news = try first.expect("sync", "now", exits: 0).output
        #expect(news.contains("To the trash (attune trash list): notes."), "\(news)")
        #expect(try first.versions().isEmpty)
        try first.expect("devices", "revoke", "mal", "--yes", exits: 0)
        let late = try hut.expect("devices", "revoke", "mal", "--yes", exits: 5).errors
        #expect(late.contains("is not in the circle any more"), "\(late)")
        try tower.expect("sync", "now", exits: 6)
        #expect(try tower.versions().keys.sorted() == ["notes@1", "notes@2", "unsent@1"])

        let adding = try first.attune.start(["devices", "add", "--yes", "--json"])
        let code = try SyncCircle.code(adding)
        try tower.expect(SyncCircle.join + ["--relay", relay.address, "--yes"], exits: 0, input: code)
        _ = adding.remainingLines()
        #expect(try adding.wait() == .exit(0))
        try SyncCircle.sync(tower)
        try SyncCircle.sync(first)
        for store in [first, tower] {
            #expect(try store.versions().keys.sorted() == ["notes@1", "notes@2", "unsent@1"])
            #expect(try SyncCircle.answer(store, "notes") == answer)
        }
        let trash = try first.expect("trash", "--json", exits: 0).json()
        #expect((trash["entries"] as? [Any])?.isEmpty == true, "\(trash)")
    }

    /// Publishes an entry that names another hash for the first entry of every other device, as nobody else would.
    private static func sayOfOthers(in store: TinyStore) throws {
        let vault = try store.vault(.writing)
        defer { try? vault.close() }
        let (keys, sync) = (try CircleKeys(vault), try VaultSyncStore(vault))
        let circle = try keys.current().circle
        let own = try sync.heads()[sync.device]
        let otherHash = EntryHash.filled(1)
        let others = try sync.heads().keys.filter { $0 != sync.device }
        let place = EntryPlace(
            circle: circle.circle, device: sync.device, seq: (own?.seq ?? 0) + 1, previous: own?.hash ?? .zero,
            epoch: circle.chain.epoch, lamport: try sync.largestLamport() + 1,
            frontier: Dictionary(uniqueKeysWithValues: others.map { ($0, LogPosition(seq: 1, hash: otherHash)) }))
        let adapter = try #require(try vault.adapters.all().first?.id)
        let (kind, payload) = try EntryPayloadCoding.encode(.name(adapter: adapter, "notes"))
        let draft = EntryDraft(id: 0, kind: kind, payload: payload, parents: [], chunks: [])
        try sync.accept([Entry(parsing: keys.write(draft, at: place))])
    }

    /// Two versions that are what they say: one whose ranks its matrices cannot use, and one that is only large, of a
    /// base that nobody has.
    private static func plantBombs(in store: TinyStore) throws {
        let vault = try store.vault(.writing)
        defer { try? vault.close() }
        let workspace = Workspace(
            paths: Paths(store: store.attune.store, environment: store.attune.environment), vault: vault)
        let base = try workspace.load("notes@1").adapter.base
        let shape = BaseShape(
            architecture: "llama", layers: 1, width: 2048, feedForward: 2048, heads: 16, keyValueHeads: 16,
            headDimension: 128, vocabulary: 64, rotatesAdjacentPairs: true)
        let other = BaseIdentity(id: .filled(9), name: "other", shape: shape)
        for (name, base, rank) in [("wide", base, 8192), ("large", other, 512)] {
            let layout = LoRALayout(shape: base.shape, sites: [(LoRASite(layer: 0, module: .query), rank, Float(1))])
            let parameters = LoRAParameters<Float>(layout: layout)
            for index in parameters.values.buffer.indices {
                parameters.values.buffer[index] = index % 3 == 0 ? 1e-6 : 2e-6
            }
            let adapter = Adapter(
                base: base, configuration: LoRAConfiguration(rank: rank, alpha: 1, modules: [.query], layers: [0]),
                parameters: parameters)
            try workspace.keep(adapter, manifest: AdapterManifest(adapter), as: name)
        }
    }

    /// Makes a version with the shapes of the store's `notes` and this number everywhere, as that device would.
    private static func plant(in store: TinyStore, _ name: String, _ value: Float) throws {
        let vault = try store.vault(.writing)
        defer { try? vault.close() }
        let workspace = Workspace(
            paths: Paths(store: store.attune.store, environment: store.attune.environment), vault: vault)
        let model = try workspace.load("notes@1").adapter
        let parameters = LoRAParameters<Float>(layout: model.layout)
        for index in parameters.values.buffer.indices { parameters.values.buffer[index] = value }
        let bad = Adapter(base: model.base, configuration: model.configuration, parameters: parameters)
        let parents = try vault.adapters.all().contains { $0.name == name } ? [vault.versions.fetch(name).id] : []
        try workspace.keep(bad, manifest: AdapterManifest(bad), as: name, parents: parents)
    }
}
