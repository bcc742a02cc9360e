// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneCrypto
import AttuneKit
import AttuneSync
import AttuneTensor
import AttuneTestSupport
import AttuneVault
import AttuneWire
import Foundation
import Testing

@Suite struct CircleTests {
    @Test func anAdapterTrainedOnOneDeviceIsTheSameOnTheOther() throws {
        let devices = try CircleMember.circle(["laptop", "desk"])
        let (a, b) = (devices[0], devices[1])
        let trained = try a.store.train()
        try a.send(to: b)
        let there = try b.vault.versions.fetch("notes")
        #expect(there.id == trained.id)
        #expect(there.lossAfter == trained.lossAfter)
        #expect(there.run == nil)
        #expect(try b.workspace.inspectArrivals().refused.isEmpty)
        #expect(try b.vault.versions.fetch("notes").state == .here)
        #expect(
            try b.workspace.load("notes").adapter.parameters.values.values
                == a.workspace.load("notes").adapter.parameters.values.values)
        // Texts, runs and chats are not in what travels.
        for bytes in try a.sync.entries(of: a.sync.device, after: 0, limit: 9, byteLimit: 1 << 20) {
            #expect(!String(decoding: bytes, as: UTF8.self).contains("notes"))
            let payload = try EntryReader(keyring: b.keyring()).payload(of: Entry(parsing: bytes))
            #expect(!"\(payload)".contains("seen") && !"\(payload)".contains("rows.jsonl"))
        }
    }

    @Test func headsOfTwoDevicesAreMergedIntoTheirExactSum() throws {
        let devices = try CircleMember.circle(["laptop", "desk"])
        let (a, b) = (devices[0], devices[1])
        try a.store.train(seed: 1)
        try a.send(to: b)
        #expect(code { _ = try a.workspace.resolve("notes", merging: nil) } == "E-ADAPTER-026")
        let mine = try a.store.train(seed: 2)
        let yours = try b.store.train(seed: 3)
        try a.send(to: b)
        try b.send(to: a)
        #expect(try a.workspace.heads(of: "notes").map(\.version.id) == [mine.id, yours.id])
        #expect(try b.workspace.heads(of: "notes").count == 2)
        #expect(code { _ = try a.workspace.resolve("notes", merging: [1]) } == "E-ADAPTER-028")
        let merged = try a.workspace.resolve("notes", merging: [0.5, 0.5], rank: 4)
        #expect(merged.relativeError < 1e-9)
        #expect(merged.version.parents == [mine.id, yours.id])
        let parts = try [mine, yours].map { try a.workspace.load($0).adapter }
        let sum = try a.workspace.load(merged.version).adapter
        for entry in sum.layout.entries {
            var (distance, total) = (0.0, 0.0)
            for row in 0..<entry.outputs {
                for column in 0..<entry.inputs {
                    let exact = parts.reduce(0.0) { $0 + 0.5 * Self.delta($1, entry.site, row, column) }
                    let found = Self.delta(sum, entry.site, row, column)
                    distance += (found - exact) * (found - exact)
                    total += exact * exact
                }
            }
            #expect(distance.squareRoot() <= 1e-5 * total.squareRoot())
        }
        try a.send(to: b)
        #expect(try b.workspace.heads(of: "notes").map(\.version.id) == [merged.version.id])
        #expect(try b.vault.versions.fetch("notes").id == merged.version.id)
    }

    @Test func theHeadToTrainOnFromIsTheOneOfLowestLoss() throws {
        let devices = try CircleMember.circle(["laptop", "desk"])
        let (a, b) = (devices[0], devices[1])
        try a.store.train(seed: 1)
        try a.send(to: b)
        let heads = [try a.store.train(seed: 2), try b.store.train(seed: 3, epochs: 3)]
        try a.send(to: b)
        try b.send(to: a)
        let best = try #require(heads.min { ($0.lossAfter ?? 9) < ($1.lossAfter ?? 9) })
        #expect(try a.workspace.resolveForTraining("notes").id == best.id)
        try a.send(to: b)
        #expect(try b.workspace.heads(of: "notes").map(\.version.id) == [best.id])
    }

    @Test func aFileForADeviceKeepsTheVersionsIdentity() throws {
        let devices = try CircleMember.circle(["laptop", "desk"])
        let (a, b) = (devices[0], devices[1])
        let trained = try a.store.train()
        let path = a.store.folder.path + "/notes.attune"
        #expect(code { try a.workspace.export("notes", to: path, encryptedTo: "tablet") } == "E-SHARE-003")
        try a.workspace.export("notes", to: path, encryptedTo: "desk")
        #expect(try Workspace.isForDevices(path))
        #expect(code { _ = try a.workspace.importForDevice(path) } == "E-SEAL-014")
        guard case .version(let imported) = try b.workspace.importForDevice(path) else {
            Issue.record("no version")
            return
        }
        #expect(imported.id == trained.id)
        #expect(imported.state == .here)
        #expect(try b.vault.adapters.all().map(\.id) == a.vault.adapters.all().map(\.id))
        // The same version by sync is not a second one, and what follows it moves both.
        try a.send(to: b)
        try b.send(to: a)
        #expect(try b.vault.versions.all(of: "notes").count == 1)
        #expect(try a.vault.adapters.all().count == 1)
        let next = try a.store.train(seed: 5)
        try a.send(to: b)
        for device in devices { #expect(try device.workspace.heads(of: "notes").map(\.version.id) == [next.id]) }
        let bytes = try Data(contentsOf: URL(filePath: path))
        for marker in ["notes", "blk.0", "lora"] { #expect(bytes.range(of: Data(marker.utf8)) == nil) }
    }

    @Test func aRevocationDropsTheHalfOfAForkThatItDoesNotName() throws {
        let devices = try CircleMember.circle(["laptop", "desk", "phone"])
        let (a, b, lost) = (devices[0], devices[1], devices[2])
        try lost.store.train()
        let draft = try #require(try lost.sync.nextDraft())
        let place = EntryPlace(
            circle: a.sync.circle, device: lost.sync.device, seq: 1, previous: .zero,
            epoch: try a.chain().epoch, lamport: 1, frontier: [:])
        let key = try #require(try lost.keyring().newest)
        let halves = try (0..<2).map { _ in try EntryWriter(keys: lost.keys).entry(draft, at: place, key: key) }
        try b.take([halves[1].bytes])
        _ = try b.sync.record(
            SyncEvidence(
                Suspicion(.fork, by: lost.sync.device, about: lost.sync.device, seq: 1), held: halves[1].bytes,
                other: halves[0].bytes, remote: "r"))
        let last = LogPosition(seq: 1, hash: halves[0].hash)
        let revocation = try LinkWriter(chain: a.chain(), keys: a.keys).revoke(
            [lost.sync.device: last], keyring: a.keyring())
        try CircleKeys(b.vault).keep([revocation.link], after: b.chain())
        #expect(try b.sync.heads()[lost.sync.device] == nil)
        #expect(try b.sync.evidence().allSatisfy(\.isSettled))
        // The half that counts takes its place.
        try b.take([halves[0].bytes])
        #expect(try b.sync.heads()[lost.sync.device] == last)
    }

    @Test func devicesThatAreShutOutAtOnceAreNamedWithWhatGoes() throws {
        let devices = try CircleMember.circle(["laptop", "desk", "phone", "tower"])
        let (own, desk, phone, tower) = (devices[0], devices[1], devices[2], devices[3])
        for (device, adapter) in [(desk, "one"), (phone, "two")] {
            try device.store.train(adapter)
            try device.send(to: own)
        }
        try DeviceNicknames.set("spare", of: phone.sync.device, in: own.vault)
        let chain = try own.chain()
        let signature = tower.keys.secondSignature(
            revoking: [desk.sync.device, phone.sync.device], after: chain.head)
        let link = try LinkWriter(chain: chain, keys: own.keys).revoke(
            [desk.sync.device: nil, phone.sync.device: nil], second: (tower.sync.device, signature),
            keyring: own.keyring()
        ).link
        try CircleKeys(own.vault).keep([link], after: chain)
        let lines = try own.vault.syncLog.newest().map(\.text)
        let news = try #require(lines.first { $0.contains("adapters here are others") }, "\(lines)")
        #expect(news.contains("desk (\(desk.sync.device.fingerprint))"), "\(news)")
        #expect(news.contains("spare (\(phone.sync.device.fingerprint))"), "\(news)")
    }

    @Test func anAdapterOfAnotherPersonIsKeptApartUntilItIsTakenIn() throws {
        let mine = try CircleMember.circle(["laptop"])[0]
        let hers = try CircleMember.circle(["tower", "phone"])
        let trained = try mine.store.train()
        let path = mine.store.folder.path + "/gift.attune"
        let (myCard, herCard) = (try mine.workspace.ownCard(), try hers[0].workspace.ownCard())
        #expect(code { _ = try mine.workspace.addPerson(card: myCard, name: "me") } == "E-SHARE-007")
        _ = try mine.workspace.addPerson(card: try PersonCard(parsing: herCard.bytes), name: "anna")
        #expect(code { try mine.workspace.share("notes", with: "anna", to: path) } == "E-SHARE-002")
        #expect(code { try mine.workspace.share("notes", with: "bob", to: path) } == "E-VAULT-054")
        let number = try mine.workspace.safetyNumber(with: "anna").description
        #expect(code { try mine.workspace.confirm(person: "anna", number: "12345" + number.dropFirst(5)) } != nil)
        try mine.workspace.confirm(person: "anna", number: number)
        #expect(try mine.workspace.isFirstShare())
        try mine.workspace.share("notes", with: "anna", to: path)
        #expect(try !mine.workspace.isFirstShare())
        #expect(code { _ = try hers[1].workspace.importForDevice(path) } == "E-SHARE-004")
        _ = try hers[1].workspace.addPerson(card: myCard, name: "me")
        #expect(code { _ = try hers[1].workspace.importForDevice(path) } == "E-SHARE-002")
        try hers[1].workspace.confirm(person: "me", number: try hers[1].workspace.safetyNumber(with: "me").description)
        guard case .received(let waiting) = try hers[1].workspace.importForDevice(path) else {
            Issue.record("not kept apart")
            return
        }
        #expect(waiting.person == "me")
        #expect(waiting.version == trained.id)
        #expect(try hers[1].vault.adapters.all().isEmpty && hers[1].vault.events.draftCount() == 0)
        #expect(try hers[1].workspace.received(named: "notes") == waiting)
        let taken = try hers[1].workspace.accept(waiting, as: "gift")
        #expect(taken.id == trained.id)
        #expect(taken.parents.isEmpty)
        #expect(try hers[1].vault.received.all().isEmpty && hers[1].vault.events.draftCount() == 1)
        #expect(try hers[1].vault.adapters.all().map(\.id) != mine.vault.adapters.all().map(\.id))
        #expect(try hers[1].vault.verify().isWhole)
        // Thrown away, it leaves nothing.
        guard case .received(let again) = try hers[0].workspace.importAfterMeeting(mine, path) else {
            Issue.record("not kept apart")
            return
        }
        try hers[0].vault.received.reject(again)
        #expect(try hers[0].vault.received.all().isEmpty && hers[0].vault.statistics().chunks == 0)
    }

    @Test func aCardOfADeviceThatWasShutOutTakesNoPlaceOfANewerOne() throws {
        let mine = try CircleMember.circle(["laptop"])[0]
        let hers = try CircleMember.circle(["tower", "phone"])
        let before = try hers[0].chain()
        let old = try hers[0].workspace.ownCard()
        let keyring = try hers[0].keyring()
        // The phone is lost; with it somebody goes on as if it were not.
        let third = try DeviceKeys.generate()
        let add = try LinkWriter(chain: before, keys: hers[0].keys).add(
            third.publicKeys.record, name: "tablet",
            counterSignature: third.counterSignature(joining: before.circle, after: before.head), keyring: keyring)
        try CircleKeys(hers[0].vault).keep([add], after: before)
        let revocation = try LinkWriter(chain: hers[0].chain(), keys: hers[0].keys).revoke(
            [hers[1].sync.device: nil], keyring: hers[0].keyring())
        try CircleKeys(hers[0].vault).keep([revocation.link], after: hers[0].chain())
        var chain = before
        var links: [Link] = []
        for _ in 0..<4 {
            let next = try LinkWriter(chain: chain, keys: hers[1].keys).rename(
                to: "phone", keyring: hers[1].keyring())
            try chain.append(next)
            links.append(next)
        }
        try CircleKeys(hers[1].vault).keep(links, after: before)
        let (card, forged) = (try hers[0].workspace.ownCard(), try hers[1].workspace.ownCard())
        #expect(forged.chain.seq > card.chain.seq)
        for shown in [old, card, forged, old] { _ = try mine.workspace.addPerson(card: shown, name: "anna") }
        #expect(try mine.vault.people.fetch(named: "anna").links == Array(card.bytes.dropFirst(8)))
    }

    @Test func changedFilesAndCardsAreRefused() throws {
        let devices = try CircleMember.circle(["laptop", "desk"])
        try devices[0].store.train()
        let folder = devices[0].store.folder
        try devices[0].workspace.export("notes", to: folder.path + "/n.attune", encryptedTo: "desk")
        let bytes = Array(try Data(contentsOf: URL(filePath: folder.path + "/n.attune")))
        for place in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 60)) {
            var changed = bytes
            changed[place] ^= 1
            let path = try folder.write(changed, to: "changed.attune")
            #expect(code { _ = try devices[1].workspace.importForDevice(path) } != nil, "byte \(place)")
        }
        let card = try devices[0].workspace.ownCard().bytes
        for place in stride(from: 0, to: card.count, by: 97) {
            var changed = card
            changed[place] ^= 1
            #expect(code { _ = try PersonCard(parsing: changed) } != nil, "byte \(place)")
        }
        #expect(code { _ = try PersonCard(parsing: Array(card[..<8])) } != nil)
    }

    @Test func numbersThatNoAdapterHoldsAreRefusedWhenTheyArrive() throws {
        let devices = try CircleMember.circle(["laptop", "desk"])
        let (a, b) = (devices[0], devices[1])
        try a.store.train("good")
        let loaded = try a.workspace.load("good")
        for (name, value) in [("nan", Float.nan), ("huge", Float(1e30))] {
            let parameters = LoRAParameters<Float>(layout: loaded.adapter.layout)
            for index in parameters.values.buffer.indices { parameters.values.buffer[index] = value }
            let bad = Adapter(
                base: loaded.adapter.base, configuration: loaded.adapter.configuration, parameters: parameters)
            try a.workspace.keep(bad, manifest: AdapterManifest(bad), as: name)
        }
        try a.send(to: b)
        #expect(try b.workspace.inspectArrivals().refused.map(\.version).sorted() == ["huge@1", "nan@1"])
        for name in ["nan", "huge"] { #expect(code { _ = try b.workspace.load(name) } == "E-VAULT-042") }
        _ = try b.workspace.load("good")
    }

    @Test func aChunkThatThisDiskHasLostIsFetchedAgainAndHeldAgainstNobody() throws {
        let devices = try CircleMember.circle(["laptop", "desk"])
        let (a, b) = (devices[0], devices[1])
        try a.store.train()
        try a.send(to: b)
        let version = try b.vault.versions.fetch("notes")
        #expect(version.state == .arrived)
        let files = try FileManager.default.subpathsOfDirectory(atPath: b.workspace.paths.store.path + "/chunks")
        let name = try #require(files.first { $0.count > 60 })
        let file = URL(filePath: b.workspace.paths.store.path + "/chunks/" + name)
        var bytes = try Data(contentsOf: file)
        bytes[100] ^= 1
        try bytes.write(to: file)

        let found = try b.workspace.inspectArrivals()
        #expect(found.refused.isEmpty)
        #expect(found.postponed.isEmpty)
        #expect(try b.vault.evidence.all().isEmpty)
        #expect(try b.vault.versions.fetch("notes").state == .remote)
        #expect(try b.vault.blobs.wantedChunks(limit: 9).count == 1)
        try a.send(to: b)
        #expect(try b.workspace.inspectArrivals().refused.isEmpty)
        #expect(try b.vault.versions.fetch("notes").state == .here)
        _ = try b.workspace.load("notes")
    }

    @Test func whatIsTooLargeIsNotFetchedUntilAPersonWantsIt() throws {
        let devices = try CircleMember.circle(["laptop", "desk"])
        let (a, b) = (devices[0], devices[1])
        try b.vault.pins.setLargestFetched(1000)
        try a.store.train()
        try a.send(to: b)
        #expect(try b.vault.versions.fetch("notes").state == .remote)
        #expect(code { _ = try b.workspace.load("notes") } == "E-MEMORY-004")
        try b.vault.pins.setLargestFetched(nil)
        try a.send(to: b)
        #expect(try b.workspace.inspectArrivals().refused.isEmpty)
        _ = try b.workspace.load("notes")
    }

    @Test func manifestsOfAnotherDeviceCannotHoldWhatNoneMay() throws {
        let devices = try CircleMember.circle(["laptop", "desk"])
        let (a, b) = (devices[0], devices[1])
        try a.store.train("good")
        let loaded = try a.workspace.load("good")
        let base = loaded.adapter.base
        // A name that forges a row, and ranks that say nothing more than smaller ones.
        for (name, shown, rank) in [("forged", "tiny\nnotes  @9", 4), ("wide", base.name, 4096)] {
            let layout = LoRALayout(
                shape: base.shape, sites: [(LoRASite(layer: 0, module: .query), rank, Float(1))])
            let adapter = Adapter(
                base: BaseIdentity(id: base.id, name: shown, shape: base.shape),
                configuration: LoRAConfiguration(rank: rank, alpha: 1, modules: [.query], layers: [0]),
                parameters: LoRAParameters(layout: layout))
            try a.workspace.keep(adapter, manifest: AdapterManifest(adapter), as: name)
        }
        try a.send(to: b)
        try b.workspace.inspectArrivals()
        #expect(try b.vault.adapters.all().map(\.name) == ["good"])
        _ = try b.workspace.load("good")
    }

    @Test func entriesWhoseManifestNoAdapterHasChangeNothing() throws {
        let devices = try CircleMember.circle(["laptop", "desk"])
        let (a, b) = (devices[0], devices[1])
        let base = BaseID.filled(3)
        try a.vault.versions.add(
            to: "strange", base: base, NewVersion(manifest: "{}", content: BlobContent([1, 2, 3])))
        try a.store.train()
        try a.send(to: b)
        #expect(try b.vault.adapters.all().map(\.name) == ["notes"])
        #expect(try b.vault.syncLog.newest().contains { $0.level == "warning" && $0.text.contains("changes nothing") })
        #expect(try b.sync.heads()[a.sync.device]?.seq == 2)
    }

    /// s·(BA) at one place.
    private static func delta(_ adapter: Adapter, _ site: LoRASite, _ row: Int, _ column: Int) -> Double {
        guard let entry = adapter.layout[site] else { return 0 }
        let (a, b) = (adapter.parameters.a(entry), adapter.parameters.b(entry))
        return (0..<entry.rank).reduce(0) {
            $0 + Double(entry.scale) * Double(b[row, $1]) * Double(a[$1, column])
        }
    }
}

extension Workspace {
    /// Gets to know `other` and takes a file of theirs in.
    fileprivate func importAfterMeeting(_ other: CircleMember, _ path: String) throws -> ImportedFile {
        _ = try addPerson(card: try other.workspace.ownCard(), name: "me")
        try confirm(person: "me", number: try safetyNumber(with: "me").description)
        return try importForDevice(path)
    }
}
