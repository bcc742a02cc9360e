// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneCrypto
import AttuneKit
import AttuneSync
import AttuneTestSupport
import AttuneVault
import AttuneWire
import Foundation
import SwiftProtobuf
import Testing

/// Recovery words that were replaced, in the hands of somebody who has a card of the circle and its relay.
@Suite struct SyncRecoveryWordsTests {
    /// A store whose words somebody wrote down, in a circle that began with them.
    private static func store(words: String, outside: TemporaryDirectory? = nil) throws -> TinyStore {
        let store = try TinyStore(outside: outside)
        let vault = try store.vault(.writing)
        let recovery = try RecoveryWords(words: SecretBytes(copying: Array(words.utf8)))
        try vault.replaceRecoveryWords(recovery)
        try Workspace(paths: Paths(store: store.attune.store), vault: vault).beginCircle(
            named: "loft", paper: DeviceKeys(paper: recovery))
        try vault.close()
        return store
    }

    private static func file(_ words: String, of store: TinyStore, _ name: String) throws -> String {
        let path = try store.outside.write(words, to: name)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        return path
    }

    /// The words that a command showed.
    private static func shown(_ result: AttuneProcess.Result) -> String {
        result.errors.split(separator: "\n").filter { $0.firstMatch(of: /^ +\d+\.\s/) != nil }.flatMap { line in
            line.split(whereSeparator: { !$0.isLetter })
        }.joined(separator: " ")
    }

    @Test func ofADeviceAloneNothingMadeLaterOpensWithTheWordsThatWere() async throws {
        let old = RecoveryWords.random().words.joined(separator: " ")
        let loft = try Self.store(words: old)
        let desk = try TinyStore(outside: loft.outside)
        let relay = try RelayProcess()
        let oldFile = try Self.file(old, of: loft, "old")
        try SyncCircle.pair(loft, desk, relays: (relay.address, relay.address))
        let id = try #require(try desk.expect("devices", "id", "--json", exits: 0).json()["id"] as? String)
        try loft.expect("devices", "revoke", id, "--yes", "--words-file", oldFile, exits: 0)
        try loft.train(loft.writeRows(24), name: "notes")
        try SyncCircle.sync(loft)
        let card = loft.outside.path + "/card"
        try loft.expect("people", "card", card, exits: 0)

        // Without what was, nothing is replaced, and no new words are shown.
        let alone = try loft.expect("key", "show", "--new-recovery", "--yes", exits: 4)
        #expect(alone.errors.contains("E-DEVICE-017"))
        #expect(Self.shown(alone).isEmpty)
        let other = try Self.file(RecoveryWords.random().words.joined(separator: " "), of: loft, "other")
        let wrong = try loft.expect("key", "show", "--new-recovery", "--yes", "--words-file", other, exits: 12)
        #expect(Self.shown(wrong).isEmpty)

        let made = try loft.expect("key", "show", "--new-recovery", "--yes", "--words-file", oldFile, exits: 0)
        let new = Self.shown(made)
        #expect(made.output.contains("the earlier ones open nothing that is made from now on"))
        try loft.train(loft.writeRows(24), name: "later")
        try SyncCircle.sync(loft)
        try await Self.check(loft, relay, old: old, new: new, card: card)

        // The store itself: the new words, and the earlier ones no more.
        let pass = try Self.file("another passphrase\n", of: loft, "pass")
        try loft.expect("key", "recover", "--words-file", oldFile, "--new-key-file", pass, exits: 12)
        let list = try loft.expect("devices", "list", "--all", "--json", exits: 0).json()
        let papers = try #require(list["devices"] as? [[String: Any]]).filter { $0["is_paper"] as? Bool == true }
        #expect(Set(papers.compactMap { $0["state"] as? String }) == ["active", "revoked"])
        #expect(papers.count == 2)
        let table = try loft.expect("devices", "list", "--all", exits: 0).output
        #expect(
            table.split(separator: "\n").filter { $0.hasPrefix("recovery words") && $0.hasSuffix("revoked") }.count == 1
        )
        // What was shown can be replaced in its turn, and what ended cannot agree to that.
        try loft.expect("key", "show", "--new-recovery", "--yes", "--words-file", oldFile, exits: 12)
        let newFile = try Self.file(new, of: loft, "new")
        try loft.expect("key", "show", "--new-recovery", "--yes", "--words-file", newFile, exits: 0)
    }

    @Test func ofTwoDevicesTheOtherAgreesWhereTheWordsAreLostAndBothSeeIt() async throws {
        let old = RecoveryWords.random().words.joined(separator: " ")
        let loft = try Self.store(words: old)
        let desk = try TinyStore(outside: loft.outside)
        let relay = try RelayProcess()
        try SyncCircle.pair(loft, desk, relays: (relay.address, relay.address))
        try loft.train(loft.writeRows(24), name: "notes")
        try SyncCircle.sync(loft)
        let card = loft.outside.path + "/card"
        try loft.expect("people", "card", card, exits: 0)

        // A device alone does not take the words away, whatever it signs itself.
        let consent = loft.outside.path + "/consent"
        try loft.expect("devices", "revoke", "recovery words", "--write-confirmation", consent, "--yes", exits: 0)
        try loft.expect("key", "show", "--new-recovery", "--yes", "--confirmation", consent, exits: 12)
        try FileManager.default.removeItem(atPath: consent)
        // The desk agrees; as soon as the circle has changed that counts for nothing.
        try SyncCircle.sync(desk)
        let agreed = try desk.expect(
            "devices", "revoke", "recovery words", "--write-confirmation", consent, "--yes", exits: 0)
        #expect(agreed.output.contains("attune key show --new-recovery --confirmation \(consent)"))
        let made = try loft.expect("key", "show", "--new-recovery", "--yes", "--confirmation", consent, exits: 0)
        let new = Self.shown(made)
        try loft.expect("key", "show", "--new-recovery", "--yes", "--confirmation", consent, exits: 12)

        try loft.train(loft.writeRows(24), name: "later")
        try SyncCircle.sync(loft)
        let news = "The recovery words of the circle were replaced by loft ("
        #expect(try desk.expect("sync", "now", exits: 0).output.contains(news))
        #expect(try !desk.expect("sync", "now", exits: 0).output.contains(news))
        try desk.train(desk.writeRows(24), name: "deskbook")
        try SyncCircle.sync(desk)
        try SyncCircle.sync(loft)
        try await Self.check(loft, relay, old: old, new: new, card: card)
        try await Self.check(desk, relay, old: old, new: new, card: card)
        #expect(try desk.expect("sync", "log", exits: 0).output.contains("recovery words of the circle were replaced"))
        // The desk's own words are another matter: they open its store, and replacing them asks for nothing.
        let own = try desk.expect("key", "show", "--new-recovery", "--yes", exits: 0)
        #expect(own.output.contains("open this store"))
        #expect(own.errors.contains("--circle"))
        // An agreement is to new words of the circle, also from a device whose own words are others.
        try FileManager.default.removeItem(atPath: consent)
        let right = ["devices", "revoke", "recovery words", "--write-confirmation", consent, "--yes"]
        try loft.expect(right, exits: 0)
        let replaced = try desk.expect("key", "show", "--new-recovery", "--yes", "--confirmation", consent, exits: 0)
        #expect(replaced.output.contains("the earlier ones open nothing that is made from now on"))
        let earlier = try Self.file(new, of: loft, "earlier")
        try desk.expect("key", "show", "--new-recovery", "--yes", "--words-file", earlier, exits: 12)
    }

    @Test func whereTheRelayIsAwayTheChangeIsMadeHereAndSaidToBe() async throws {
        let old = RecoveryWords.random().words.joined(separator: " ")
        let loft = try Self.store(words: old)
        let desk = try TinyStore(outside: loft.outside)
        let folder = try TemporaryDirectory()
        var relay = try RelayProcess(folder: folder.path + "/relay")
        let (address, listen) = (relay.address, "127.0.0.1:\(relay.port)")
        try SyncCircle.pair(loft, desk, relays: (address, address))
        try loft.train(loft.writeRows(24), name: "notes")
        try SyncCircle.sync(loft)
        let card = loft.outside.path + "/card"
        try loft.expect("people", "card", card, exits: 0)
        _ = try relay.stop()
        let oldFile = try Self.file(old, of: loft, "old")
        let made = try loft.expect("key", "show", "--new-recovery", "--yes", "--words-file", oldFile, exits: 0)
        #expect(made.output.contains("at the next attune sync now"))
        #expect(try Self.waiting(loft) == 1, "new words are a change that the relay does not know")
        try loft.train(loft.writeRows(24), name: "later")
        let drafts = try Self.waiting(loft) - 1
        #expect(drafts > 0)
        relay = try RelayProcess(folder: folder.path + "/relay", listen: listen)
        try SyncCircle.sync(loft)
        #expect(try Self.waiting(loft) == 0)
        try await Self.check(loft, relay, old: old, new: Self.shown(made), card: card)
    }

    @Test func aDeviceAloneWithoutTheWordsBeginsANewCircleThatSendsNothingYet() async throws {
        let old = RecoveryWords.random().words.joined(separator: " ")
        let loft = try Self.store(words: old)
        let desk = try TinyStore(outside: loft.outside)
        let relay = try RelayProcess()
        try SyncCircle.pair(loft, desk, relays: (relay.address, relay.address))
        try loft.train(loft.writeRows(24), name: "notes")
        try SyncCircle.sync(loft)
        try SyncCircle.sync(desk)
        let card = loft.outside.path + "/card"
        try loft.expect("people", "card", card, exits: 0)
        let made = try loft.expect("key", "show", "--new-recovery", "--new-circle", "--yes", exits: 0)
        #expect(made.output.contains("in a new circle of this device alone"))
        #expect(try SyncCircle.devices(loft) == ["loft", "recovery words"])
        try loft.expect("sync", "now", exits: 75)
        try loft.train(loft.writeRows(24), name: "later")
        try loft.expect("ask", "notes", "What of the boat 3?", "--max", "4", exits: 0)
        // The earlier words still read the circle that was; the other device goes on in it, and nothing new is there.
        let finder = try Finder(words: old, card: card, relay: relay.address)
        #expect(try await finder.links().count >= 3)
        try SyncCircle.sync(desk)
        let newFile = try Self.file(Self.shown(made), of: loft, "new")
        try loft.expect("key", "show", "--new-recovery", "--yes", "--words-file", newFile, exits: 0)
    }

    /// Changes that `attune sync status` says are to be sent.
    private static func waiting(_ store: TinyStore) throws -> Int {
        let status = try store.expect("sync", "status", "--json", exits: 0).json()
        return try #require(status["waiting"] as? Int)
    }

    @Test func withoutARelayAChangeWaitsUntilAnotherDeviceHasIt() throws {
        let old = RecoveryWords.random().words.joined(separator: " ")
        let loft = try Self.store(words: old)
        let desk = try TinyStore(outside: loft.outside)
        try SyncCircle.pairDirectly(loft, desk, name: "desk")
        #expect(try Self.waiting(loft) == 0)
        let oldFile = try Self.file(old, of: loft, "old")
        try loft.expect("key", "show", "--new-recovery", "--yes", "--words-file", oldFile, exits: 0)
        #expect(try Self.waiting(loft) == 1)
        try SyncCircle.serving(loft) { address in try SyncCircle.sync(desk, ["--direct", address]) }
        #expect(try Self.waiting(loft) == 0)
    }

    /// Whoever has words, a card and a relay's address.
    private struct Finder {
        let keys: DeviceKeys
        let card: PersonCard
        let address: RemoteAddress

        init(words: String, card path: String, relay: String) throws {
            keys = try DeviceKeys(paper: RecoveryWords(words: SecretBytes(copying: Array(words.utf8))))
            card = try PersonCard(parsing: Array(try Data(contentsOf: URL(filePath: path))))
            address = try #require(RemoteAddress(relay))
        }

        func ask<Value: Sendable>(_ body: (HTTPTransport) async throws -> Value) async throws -> Value {
            let client = HTTPTransport.makeClient()
            let keys = keys
            let transport = HTTPTransport(
                client: client, address: address, circle: card.chain.circle, device: keys.deviceID,
                sign: { keys.sign($0) })
            do {
                let value = try await body(transport)
                try await client.shutdown()
                return value
            } catch {
                try await client.shutdown()
                throw error
            }
        }

        func links() async throws -> [[UInt8]] { try await ask { try await $0.allLinks() } }

        /// Whether the relay answers 403.
        func isRefused(_ body: (HTTPTransport) async throws -> Void) async throws -> Bool {
            do {
                try await ask(body)
                return false
            } catch RemoteFailure.forbidden {
                return true
            }
        }
    }

    private static func check(
        _ store: TinyStore, _ relay: RelayProcess, old: String, new: String, card: String
    ) async throws {
        let finder = try Finder(words: old, card: card, relay: relay.address)
        // The relay gives them the links up to their end, and nothing else.
        let seen = try await finder.links()
        let end = try DeviceChain(verifying: seen)
        let last = try Link(parsing: #require(seen.last))
        #expect(last.body.version == 2)
        #expect(end.devices[finder.keys.deviceID]?.revocation?.at == last.seq)
        let device = try #require(end.active.first?.id)
        #expect(try await finder.isRefused { _ = try await $0.frontier() })
        #expect(try await finder.isRefused { _ = try await $0.entries(of: device, after: 0, limit: 9) })

        // With all that the relay, or its disk, has: links, entries, chunks.
        let vault = try store.vault()
        let links = try vault.circle.links(after: 0, limit: Int(WireLimits.links))
        let chain = try DeviceChain(verifying: links)
        let chunk = try #require(try Self.chunks(vault).first)
        #expect(try await finder.isRefused { _ = try await $0.missingChunks(among: [chunk], ifNamed: false) })
        let before = try DeviceChain(verifying: Array(seen.dropLast()))
        let known = EpochKeyring(chain: before, device: finder.keys)
        #expect(known.keys.count == Int(before.epoch), "what they could read so far they can")
        let keyring = EpochKeyring(chain: chain, device: finder.keys, known: Array(known.keys.values))
        #expect(keyring.keys.keys.max() == before.epoch)
        #expect(chain.epoch > before.epoch)
        let (earlier, later) = try Self.open(vault, chain, EntryReader(keyring: keyring), newestKnown: before.epoch)
        #expect(earlier.opened > 0)
        #expect(earlier.refused == 0)
        #expect(later.opened == 0)
        #expect(later.refused > 0)

        // The new words can do all of it.
        let owner = try Finder(words: new, card: card, relay: relay.address)
        #expect(try await owner.links().count == links.count)
        let all = EpochKeyring(chain: chain, device: owner.keys)
        // They bring nobody in.
        let fresh = try DeviceKeys.generate()
        let text = fresh.counterSignature(joining: chain.circle, after: chain.head)
        // Not even if they had all keys.
        #expect(throws: WireError.self) {
            _ = try LinkWriter(chain: chain, keys: finder.keys).add(
                fresh.publicKeys.record, name: "x", counterSignature: text, keyring: all)
        }
        let early = try LinkWriter(chain: before, keys: finder.keys).add(
            fresh.publicKeys.record, name: "x",
            counterSignature: fresh.counterSignature(joining: before.circle, after: before.head), keyring: known)
        #expect(try await finder.isRefused { try await $0.push(links: [early.bytes], previous: before.head) })

        let everything = try Self.open(vault, chain, EntryReader(keyring: all), newestKnown: before.epoch)
        #expect(everything.0.refused + everything.1.refused == 0)
        #expect(everything.1.opened == later.refused)
        try vault.close()
    }

    private static func chunks(_ vault: Vault) throws -> [ChunkID] {
        let sync = try VaultSyncStore(vault)
        return try sync.heads().keys.flatMap { device in
            try sync.entries(of: device, after: 0, limit: 99, byteLimit: 1 << 24).flatMap {
                try Entry(parsing: $0).chunks
            }
        }
    }

    /// How many entries of epochs up to `newestKnown`, and of later ones, open.
    private static func open(
        _ vault: Vault, _ chain: DeviceChain, _ reader: EntryReader, newestKnown: UInt32
    ) throws -> (earlier: (opened: Int, refused: Int), later: (opened: Int, refused: Int)) {
        let sync = try VaultSyncStore(vault)
        var counts = [(opened: 0, refused: 0), (opened: 0, refused: 0)]
        for device in try sync.heads().keys {
            for bytes in try sync.entries(of: device, after: 0, limit: 99, byteLimit: 1 << 24) {
                let entry = try Entry(parsing: bytes)
                _ = try chain.author(of: entry)
                let part = entry.epoch > newestKnown ? 1 : 0
                do {
                    _ = try reader.payload(of: entry)
                    counts[part].opened += 1
                } catch let error as CryptoError {
                    #expect(error.code == "E-KEY-043")
                    counts[part].refused += 1
                }
            }
        }
        return (counts[0], counts[1])
    }
}
