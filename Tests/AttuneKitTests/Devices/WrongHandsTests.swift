// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneKit
import AttuneTensor
import AttuneTestSupport
import AttuneVault
import AttuneWire
import Foundation
import Testing

@testable import AttuneSync

/// A device of the circle in the wrong hands, over real stores: once it is shut out, it is as if it had never been.
@Suite struct WrongHandsTests {
    /// Two honest devices, one that is not, and one more honest one that never hears of the third one's deeds.
    struct Circle {
        let loft: CircleMember
        let desk: CircleMember
        let mal: CircleMember
        let control: CircleMember

        init() throws {
            let members = try CircleMember.circle(["loft", "desk", "mal", "control"])
            (loft, desk, mal, control) = (members[0], members[1], members[2], members[3])
        }

        /// What the desk has published comes to a device, with its bytes.
        func bring(to member: CircleMember) throws {
            try desk.publish()
            try member.receive(desk.published())
            try member.fetch(from: [desk, mal])
        }

        /// Loft shuts mal out, up to an entry, and tells the others.
        func shutOut(upTo last: LogPosition? = nil) throws {
            let link = try loft.revocation(of: mal, last: last)
            for member in [loft, desk, control] { try member.keep(link) }
        }
    }

    /// What a person has of a store.
    struct State: Equatable {
        let adapters: [String: String]
        let versions: Set<String>
        let names: [String: String]
        let wanted: Int
        let doubts: Int
        let trash: [String]

        init(_ member: CircleMember) throws {
            let all = try member.vault.adapters.all()
            adapters = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0.base.description) })
            names = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0.head?.id.description ?? "none") })
            var versions: Set<String> = []
            for adapter in all {
                for version in try member.vault.versions.all(of: adapter.name) {
                    versions.insert("\(adapter.name) \(version.number) \(version.id) \(version.state)")
                }
            }
            self.versions = versions
            wanted = try member.sync.wantedChunks(limit: 100).count
            doubts = try member.workspace.openDoubts().count
            trash = try member.vault.trash.entries().map(\.name)
        }
    }

    private func change(_ event: AdapterEvent) throws -> [UInt8] {
        try EntryPayloadCoding.encode(event).payload
    }

    /// What a head follows: the second version that the desk has published.
    private func parents(of event: AdapterEvent, _ desk: CircleMember) throws -> [EntryHash] {
        guard case .head = event else { return [] }
        return [try Entry(parsing: desk.published()[1]).hash]
    }

    // MARK: Words about others' logs

    @Test func aLieAboutAnotherLogStopsNothingAndGoesWithItsAuthor() throws {
        let circle = try Circle()
        let (loft, desk, mal) = (circle.loft, circle.desk, circle.mal)
        let first = try desk.store.train()
        try circle.bring(to: loft)
        try circle.bring(to: circle.control)
        let adapter = try desk.vault.adapters.all()[0].id
        let payload = try change(.name(adapter: adapter, "renamed"))

        // Far beyond all that is known: refused, and no evidence against anybody.
        let far = try mal.write(
            .change, payload, frontier: [desk.sync.device: LogPosition(seq: 1_000_000_000, hash: .filled(1))])
        #expect(try loft.receive([far.bytes]) == [.refused])
        #expect(try loft.workspace.openDoubts().isEmpty)

        // Another hash for an entry that is here: taken, and a doubt that names both.
        let other = try mal.write(.change, payload, frontier: [desk.sync.device: LogPosition(seq: 1, hash: .filled(2))])
        #expect(try loft.receive([other.bytes]) == [.new])
        let doubt = try #require(try loft.workspace.openDoubts().first)
        #expect(doubt.author?.name == "mal")
        #expect(doubt.subject.name == "desk")
        #expect(doubt.kind == "contradiction")
        #expect(!doubt.stopsNames)
        #expect(doubt.sentence.contains("mal (\(mal.sync.device.fingerprint))"))
        #expect(doubt.sentence.contains("desk (\(desk.sync.device.fingerprint))"))

        // The honest device's work goes on.
        let second = try desk.store.train(seed: 2)
        try circle.bring(to: loft)
        try circle.bring(to: circle.control)
        #expect(try loft.vault.adapters.all().map(\.head?.id) == [second.id])
        #expect(first.id != second.id)

        // Two entries of one place, by its own hand, stop names until it is out.
        let half = try mal.write(.change, payload)
        #expect(try loft.receive([half.bytes]) == [.fork])
        #expect(try loft.workspace.openDoubts().contains { $0.stopsNames && $0.subject.name == "mal" })
        let third = try desk.store.train(seed: 3)
        try circle.bring(to: loft)
        try circle.bring(to: circle.control)
        #expect(try loft.vault.adapters.all().map(\.head?.id) == [second.id])
        try circle.shutOut()
        try circle.bring(to: loft)
        #expect(try loft.vault.adapters.all().map(\.head?.id) == [third.id])
        #expect(try State(loft) == State(circle.control))
        #expect(try loft.sync.evidence().allSatisfy(\.isSettled))
    }

    @Test func aPersonSettlesWhatIsOpenAndNamesMove() throws {
        let circle = try Circle()
        let (loft, desk, mal) = (circle.loft, circle.desk, circle.mal)
        try desk.store.train()
        try circle.bring(to: loft)
        let payload = try change(.name(adapter: .filled(1), "x"))
        try loft.receive([mal.write(.change, payload).bytes])
        try loft.receive([mal.write(.change, payload).bytes])
        let second = try desk.store.train(seed: 2)
        try circle.bring(to: loft)
        #expect(try loft.vault.adapters.all().map(\.head?.id) != [second.id])
        let open = try loft.workspace.openDoubts()
        #expect(open.count == 1)
        #expect(try loft.workspace.settle(open) == 1)
        #expect(try loft.workspace.openDoubts().isEmpty)
        #expect(try loft.vault.adapters.all().map(\.head?.id) == [second.id])
    }

    @Test func nobodyFillsTheStoreWithEvidence() throws {
        let circle = try Circle()
        let (loft, desk, mal) = (circle.loft, circle.desk, circle.mal)
        for seed in 1...2 { try desk.store.train(seed: UInt64(seed)) }
        try circle.bring(to: loft)
        let payload = try change(.name(adapter: .filled(1), "x"))
        var entries: [Entry] = []
        for number in 0..<(2 * EvidenceTable.pieces) {
            entries.append(
                try mal.write(
                    .change, payload, after: entries,
                    frontier: [
                        desk.sync.device: LogPosition(seq: UInt64(number % 2 + 1), hash: .filled(3)),
                        circle.control.sync.device: LogPosition(seq: 1, hash: .filled(4)),
                    ].filter { $0.key == desk.sync.device }))
        }
        try loft.receive(entries.map(\.bytes))
        let kept = try loft.vault.evidence.all()
        #expect(kept.count <= EvidenceTable.pieces)
        #expect(kept.reduce(0) { $0 + $1.held.count + $1.other.count } <= EvidenceTable.bytes)
    }

    // MARK: Ids that somebody else says first

    /// What a squatter takes of the honest device's word.
    enum Squat: CaseIterable {
        /// The id of its version, with other bytes.
        case version
        /// The id of its adapter, with another base.
        case adapter
        /// The id of its bytes, with other bytes.
        case bytes
    }

    private func packet(_ bytes: [UInt8], of member: CircleMember) throws -> VersionPacket {
        let entry = try Entry(parsing: bytes)
        let payload = try EntryReader(keyring: member.keyring()).payload(of: entry)
        guard case .version(let packet) = try EntryPayloadCoding.decode(payload, of: entry) else {
            throw WireError.payload("no version")
        }
        return packet
    }

    /// An entry of mal that says one of the desk's ids.
    private func squat(_ squat: Squat, _ circle: Circle) throws -> Entry {
        let honest = try packet(#require(try circle.desk.published().first), of: circle.desk)
        let draft = try #require(try circle.mal.sync.nextDraft())
        let payload = try ProtoEntryPayload(parsing: draft.payload, of: draft.kind)
        var own = honest
        own.blob.id = BlobID(payload.version.blob.id)!
        own.blob.key = Array(payload.version.blob.key)
        own.blob.size = Int(payload.version.blob.size)
        own.blob.encodedSize = Int(payload.version.blob.encodedSize)
        own.blob.digest = Digest256(payload.version.blob.digest)!
        own.blob.codec = BlobCodec(rawValue: Int(payload.version.blob.codec))!
        own.blob.chunks = draft.chunks
        switch squat {
        case .version: own.name = "notes"
        case .adapter:
            let base = BaseID.filled(9)
            own.manifest = own.manifest.replacingOccurrences(of: own.base.description, with: base.description)
            own.base = base
            own.id = .filled(8)
        case .bytes:
            own.adapter = .filled(7)
            own.id = .filled(7)
            own.blob.id = honest.blob.id
        }
        let (kind, said) = try EntryPayloadCoding.encode(.version(own))
        return try circle.mal.write(kind, said, chunks: own.blob.chunks)
    }

    @Test(arguments: Squat.allCases, [true, false])
    func anIdThatSomebodyElseSaysFirstIsNobodys(_ kind: Squat, isFirst: Bool) throws {
        let circle = try Circle()
        let (loft, desk, mal) = (circle.loft, circle.desk, circle.mal)
        let made = try desk.store.train()
        try desk.publish()
        try mal.store.train("bait", seed: 7)
        let entry = try squat(kind, circle)
        if isFirst { #expect(try loft.receive([entry.bytes]) == [.new]) }
        #expect(try loft.receive(desk.published()) == [.new])
        if !isFirst { #expect(try loft.receive([entry.bytes]) == [.new]) }
        try loft.fetch(from: [mal, desk])

        // While it is still in the circle already: the honest version is here and can be used.
        let there = try loft.vault.versions.fetch(id: made.id)
        #expect(there.state == .here)
        #expect(
            try loft.workspace.load(there).adapter.parameters.values.values
                == desk.workspace.load("notes").adapter.parameters.values.values)

        try circle.shutOut()
        try loft.fetch(from: [mal, desk])
        try circle.control.receive(desk.published())
        try circle.control.fetch(from: [desk])
        let (mine, spared) = (try State(loft), try State(circle.control))
        #expect(mine == spared, "\(mine) \(spared)")
        #expect(try loft.vault.verify().isWhole)
        // What follows comes as ever.
        let next = try desk.store.train(seed: 5)
        try circle.bring(to: loft)
        #expect(try loft.vault.adapters.all().map(\.head?.id) == [next.id])
    }

    @Test func theOrderInWhichTwoLogsComeDoesNotMatter() throws {
        for kind in Squat.allCases {
            let circle = try Circle()
            try circle.desk.store.train()
            try circle.desk.publish()
            try circle.mal.store.train("bait", seed: 7)
            let entry = try squat(kind, circle)
            try circle.loft.receive([entry.bytes])
            try circle.loft.receive(circle.desk.published())
            try circle.control.receive(circle.desk.published())
            try circle.control.receive([entry.bytes])
            for member in [circle.loft, circle.control] { try member.fetch(from: [circle.mal, circle.desk]) }
            let states = try [circle.loft, circle.control].map { member in
                Set(
                    try member.vault.adapters.all().flatMap { adapter in
                        try member.vault.versions.all(of: adapter.name).map { "\(adapter.base) \($0.id) \($0.state)" }
                    })
            }
            #expect(states[0] == states[1], "\(kind)")
        }
    }

    // MARK: Names, trash, heads

    @Test func whatADeviceDidAfterItsCutOffIsUndoneElsewhere() throws {
        let circle = try Circle()
        let (loft, desk, mal) = (circle.loft, circle.desk, circle.mal)
        try desk.store.train()
        let second = try desk.store.train(seed: 2)
        try desk.store.train("diary", seed: 3)
        try circle.bring(to: loft)
        try circle.bring(to: circle.control)
        let adapters = try Dictionary(
            uniqueKeysWithValues: desk.vault.adapters.all().map { ($0.name, $0.id) })
        let notes = try #require(adapters["notes"])
        let diary = try #require(adapters["diary"])
        // One honest change, which stays; then the others.
        var entries = [try mal.write(.change, change(.name(adapter: diary, "letters")), lamport: 50)]
        for member in [loft, circle.control] { try member.receive(entries.map(\.bytes)) }
        let last = entries[0].position
        let first = try #require(try loft.vault.versions.all(of: "notes").first)
        for event: AdapterEvent in [
            .name(adapter: notes, "zzz"), .head(adapter: notes, version: first.id),
            .trashed(adapter: diary, true), .name(adapter: diary, "notes"),
        ] {
            entries.append(
                try mal.write(
                    .change, change(event), after: entries, lamport: 60, parents: parents(of: event, desk)))
        }
        #expect(try loft.receive(entries.dropFirst().map(\.bytes)) == [.new, .new, .new, .new])
        #expect(try loft.vault.adapters.all().map(\.name) == ["zzz"])
        let deeds = try loft.workspace.deeds(of: loft.workspace.device(named: "mal"))
        #expect(deeds.map(\.seq) == [1, 2, 3, 4, 5])
        #expect(deeds.allSatisfy { $0.arrived != nil })
        #expect(deeds[3].deed.contains("removed"))
        let listing = try loft.workspace.device(named: "mal")
        #expect(try loft.workspace.lastEntry(of: listing, by: .entry(1)) == last)
        #expect(try loft.workspace.lastEntry(of: listing, by: .entry(0)) == nil)
        #expect(try loft.workspace.lastEntry(of: listing, by: .moment(Date(timeIntervalSince1970: 1))) == nil)
        #expect(try loft.workspace.lastEntry(of: listing, by: .newest) == entries.last?.position)
        #expect(throws: KitError.self) { try loft.workspace.lastEntry(of: listing, by: .entry(9)) }

        try circle.shutOut(upTo: last)
        #expect(try loft.vault.adapters.all().map(\.name).sorted() == ["letters", "notes"])
        #expect(try loft.vault.versions.fetch("notes").id == second.id)
        let (mine, spared) = (try State(loft), try State(circle.control))
        #expect(mine == spared, "\(mine) \(spared)")
    }

    @Test func whatADeviceDidBeforeItsCutOffCanBeUndoneByAPerson() throws {
        let circle = try Circle()
        let (loft, desk, mal) = (circle.loft, circle.desk, circle.mal)
        try desk.store.train()
        let second = try desk.store.train(seed: 2)
        try desk.store.train("diary", seed: 3)
        for member in [loft, circle.control] { try circle.bring(to: member) }
        let adapters = try Dictionary(
            uniqueKeysWithValues: desk.vault.adapters.all().map { ($0.name, $0.id) })
        let (notes, diary) = (try #require(adapters["notes"]), try #require(adapters["diary"]))
        let first = try #require(try loft.vault.versions.all(of: "notes").first)
        var entries: [Entry] = []
        for event: AdapterEvent in [
            .name(adapter: notes, "zzz"), .head(adapter: notes, version: first.id), .trashed(adapter: diary, true),
        ] {
            entries.append(
                try mal.write(
                    .change, change(event), after: entries, lamport: 60, parents: parents(of: event, desk)))
        }
        for member in [loft, desk] { try member.receive(entries.map(\.bytes)) }
        // Shut out too late: everything of it counts.
        try circle.shutOut(upTo: entries[2].position)
        #expect(try loft.vault.adapters.all().map(\.name) == ["zzz"])
        let former = try loft.workspace.deviceOrFormer(named: "mal")
        #expect(former.state == .revoked)
        let done = try loft.workspace.undoDeeds(of: former, after: 0)
        #expect(done.count == 3, "\(done)")
        // The other devices follow.
        try loft.publish()
        try desk.receive(loft.published())
        for member in [loft, desk] {
            #expect(try member.vault.adapters.all().map(\.name).sorted() == ["diary", "notes"])
            #expect(try member.vault.versions.fetch("notes").id == second.id)
        }
        // And it is an operation like any other.
        for _ in 0..<3 { try loft.vault.journal.undo() }
        #expect(try loft.vault.adapters.all().map(\.name) == ["zzz"])
    }

    @Test func versionsThatOnlyItBroughtGoToTheTrash() throws {
        let circle = try Circle()
        let (loft, desk, mal) = (circle.loft, circle.desk, circle.mal)
        let made = try desk.store.train()
        try circle.bring(to: loft)
        try mal.receive(desk.published())
        try mal.fetch(from: [desk])
        try mal.store.train("notes", seed: 4)
        try mal.store.train("own", seed: 5)
        try mal.publish()
        try loft.receive(mal.published())
        try loft.fetch(from: [mal, desk])
        #expect(try loft.vault.adapters.all().map(\.name) == ["notes", "own"])
        #expect(try loft.vault.versions.fetch("notes").number == 2)
        try circle.shutOut()
        #expect(try loft.vault.adapters.all().map(\.name) == ["notes"])
        #expect(try loft.vault.versions.fetch("notes").id == made.id)
        #expect(try loft.vault.trash.entries().map(\.name).sorted() == ["notes@2", "own"])
        try loft.vault.trash.restore("own")
        #expect(try loft.workspace.load("own").adapter.layout.count > 0)
        #expect(try loft.vault.verify().isWhole)
    }
}
