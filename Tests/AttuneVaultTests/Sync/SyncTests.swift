// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import GRDB
import Testing

@testable import AttuneVault

/// Two stores of one circle, between which entries are carried by hand; nothing is signed here.
struct SyncTests {
    static let circle = CircleID.filled(1)

    final class Device {
        let store: TestStore
        let id: DeviceID
        let name: String
        var vault: Vault { store.vault }

        init(_ number: UInt8, _ name: String) throws {
            store = try TestStore()
            id = DeviceID.filled(number)
            self.name = name
        }

        func join() throws {
            let link = (hash: LinkHash.filled(1), bytes: [UInt8](arrayLiteral: 1))
            try vault.circle.enter(SyncTests.circle, device: id, sealedKeys: [9], links: [link])
        }

        @discardableResult
        func add(_ seed: UInt8, to name: String = "notes", parents: [VersionID] = []) throws -> VersionRecord {
            var version = TestStore.version(seed)
            version.parents = parents
            return try vault.versions.add(to: name, base: TestStore.base, version)
        }

        /// Publishes what waits and gives the entries with what they say.
        func publish() throws -> [(StoredEntry, AdapterEvent, EntryContext)] {
            var result: [(StoredEntry, AdapterEvent, EntryContext)] = []
            while let draft = try vault.events.nextDraft() {
                let head = try vault.entries.heads()[id]
                let seq = (head?.seq ?? 0) + 1
                let lamport = try vault.entries.largestLamport() + 1
                let hash = EntryHash(BLAKE2b.hash(id.bytes + [UInt8(seq), UInt8(lamport)]))
                let entry = StoredEntry(
                    hash: hash, device: id, seq: seq, previous: head?.hash ?? .zero,
                    kind: 1, lamport: lamport, bytes: hash.bytes)
                try vault.events.publishDraft(draft.id, as: entry)
                result.append(
                    (
                        entry, draft.event,
                        EntryContext(
                            entry: hash, device: id, deviceName: name, lamport: lamport, parents: draft.parents)
                    ))
            }
            return result
        }

        func take(_ entries: [(StoredEntry, AdapterEvent, EntryContext)]) throws {
            try vault.entries.accept(entries.map(\.0))
            for (_, event, context) in entries { try vault.events.apply(event, context) }
        }

        /// Copies the chunks that are wanted here from another device.
        func fetch(from other: Device) throws {
            while let id = try vault.blobs.wantedChunks(limit: 1).first {
                let path = try #require(other.vault.blobs.chunkPath(id))
                try vault.blobs.storeChunk(id, Array(try Data(contentsOf: URL(filePath: path))))
            }
        }

        func headNumbers(_ name: String = "notes") throws -> [Int] {
            try vault.adapters.heads(of: name).map(\.version.number)
        }
    }

    static func pair() throws -> (Device, Device) {
        let (a, b) = (try Device(1, "laptop"), try Device(2, "desk"))
        try a.join()
        try b.join()
        return (a, b)
    }

    @Test func aVersionIsOnTheOtherDeviceAndItsBytesComeAfterIt() throws {
        let (a, b) = try Self.pair()
        let made = try a.add(1)
        #expect(try a.vault.events.draftCount() == 1)
        try b.take(try a.publish())
        let there = try b.vault.versions.fetch("notes")
        #expect(there.id == made.id)
        #expect(there.state == .remote)
        #expect(there.number == 1)
        let error = failure { try b.vault.versions.bytes(there.id) }
        #expect(
            error?.failureCode == "E-VAULT-041"
                && "\((error as? any AttuneError)?.remedy ?? "")".contains("attune sync now"))
        #expect(try b.vault.verify().isWhole)
        try b.fetch(from: a)
        #expect(try b.vault.versions.fetch("notes").state == .arrived)
        #expect(try b.vault.versions.bytes(there.id) == a.vault.versions.bytes(made.id))
        try b.vault.blobs.judge(try b.vault.versions.fetch("notes"), isSound: true)
        #expect(try b.vault.versions.fetch("notes").state == .here)
        #expect(try b.vault.blobs.arrivedVersions().isEmpty)
        #expect(try b.vault.events.draftCount() == 0)
    }

    /// Chunks that are the announced ones, of which other bytes come, are not fetched again and again.
    @Test(arguments: ["digest = zeroblob(32)", "encoded_size = encoded_size + 5000000"])
    func aBlobThatLiesIsNotFetchedAgain(_ lie: String) throws {
        let (a, b) = try Self.pair()
        try a.add(1)
        try b.take(try a.publish())
        try b.vault.write { try $0.execute(sql: "UPDATE blobs SET \(lie)") }
        try b.fetch(from: a)
        let version = try b.vault.versions.fetch("notes")
        #expect(version.state == .arrived)
        let error = failure { try b.vault.versions.arrivedBytes(version, largestRun: .max) { _ in } }
        #expect(error?.failureStatus == .invalidData)
        #expect((error as? VaultError)?.isDamage == false, "\(String(describing: error))")
        #expect(try !b.vault.blobs.fetchAgain(version))
        #expect(try b.vault.versions.fetch("notes").state == .arrived)
        var report = SalvageReport(store: b.vault.path)
        report.circle = .kept
        try b.vault.settleSalvaged(&report, [:]) { _ in }
        #expect(report.awaited == [])
        #expect(report.lost.map(\.subject) == ["notes@1"])
        #expect(try b.vault.blobs.wantedChunks(limit: 9).isEmpty)
        #expect(try b.vault.blobs.arrivedVersions().isEmpty)
        // One that was changed on this disk comes again.
        let (c, d) = try Self.pair()
        try c.add(1)
        try d.take(try c.publish())
        try d.fetch(from: c)
        try TestStore.flip(try #require(TestStore.chunkFiles(d.vault.path).first), byte: 9)
        #expect(try d.vault.blobs.fetchAgain(try d.vault.versions.fetch("notes")))
        #expect(try d.vault.versions.fetch("notes").state == .remote)
    }

    @Test func whatWasThereBeforeTheCircleIsPublishedOnceWhenItBegins() throws {
        let (a, b) = (try Device(1, "laptop"), try Device(2, "desk"))
        for seed in 1...3 { try a.add(UInt8(seed)) }
        try a.vault.adapters.rollback("notes")
        #expect(try a.vault.events.draftCount() == 0)
        try a.join()
        try b.join()
        #expect(try a.vault.events.draftCount() == 4)
        try b.take(try a.publish())
        #expect(try b.vault.versions.all(of: "notes").map(\.number) == [1, 2, 3])
        #expect(try b.vault.versions.fetch("notes").number == 2)
        #expect(try b.headNumbers() == [2])
        #expect(failure { try a.join() }?.failureCode == "E-VAULT-050")
    }

    @Test func oneHeadThatFollowsTheOtherMovesTheName() throws {
        let (a, b) = try Self.pair()
        try a.add(1)
        try b.take(try a.publish())
        try a.add(2)
        try a.add(3)
        try b.take(try a.publish())
        #expect(try b.vault.versions.fetch("notes").number == 3)
        #expect(try b.headNumbers() == [3])
        try a.vault.journal.undo()
        try b.take(try a.publish())
        #expect(try b.vault.versions.fetch("notes").number == 2)
        #expect(try b.headNumbers() == [2])
        #expect(try a.headNumbers() == [2])
    }

    @Test func headsMadeAtOnceAreBothKeptUntilAPersonChooses() throws {
        let (a, b) = try Self.pair()
        try a.add(1)
        try b.take(try a.publish())
        try b.fetch(from: a)
        let mine = try a.add(2)
        let yours = try b.add(3)
        let (fromA, fromB) = (try a.publish(), try b.publish())
        try a.take(fromB)
        try b.take(fromA)
        #expect(try a.vault.adapters.heads(of: "notes").map(\.version.id) == [mine.id, yours.id])
        #expect(try b.vault.adapters.heads(of: "notes").map(\.version.id) == [yours.id, mine.id])
        #expect(try a.vault.adapters.heads(of: "notes").map(\.device) == [a.id, b.id])
        #expect(try a.vault.versions.fetch("notes").id == mine.id)
        #expect(try b.vault.versions.fetch("notes").id == yours.id)
        #expect(try a.vault.adapters.withSeveralHeads() == ["notes"])
        let number = try a.vault.adapters.heads(of: "notes")[1].version.number
        try a.vault.adapters.resolve(VersionReference("notes@\(number)"))
        try b.take(try a.publish())
        for device in [a, b] {
            #expect(try device.vault.adapters.heads(of: "notes").map(\.version.id) == [yours.id])
            #expect(try device.vault.versions.fetch("notes").id == yours.id)
            #expect(try device.vault.versions.all(of: "notes").count == 3)
        }
    }

    @Test func aVersionMadeFromBothHeadsFollowsBoth() throws {
        let (a, b) = try Self.pair()
        try a.add(1)
        try b.take(try a.publish())
        let mine = try a.add(2)
        let yours = try b.add(3)
        let (fromA, fromB) = (try a.publish(), try b.publish())
        try a.take(fromB)
        try b.take(fromA)
        let merged = try a.add(4, parents: [mine.id, yours.id])
        try b.take(try a.publish())
        #expect(try a.vault.adapters.heads(of: "notes").map(\.version.id) == [merged.id])
        #expect(try b.vault.adapters.heads(of: "notes").map(\.version.id) == [merged.id])
        #expect(try b.vault.versions.fetch("notes").id == merged.id)
    }

    @Test func nothingMovesByItselfWhileALogIsInDoubt() throws {
        let (a, b) = try Self.pair()
        try a.add(1)
        try b.take(try a.publish())
        try a.add(2)
        let doubt = StoredEvidence(
            kind: "fork", author: a.id, device: a.id, seq: 2, held: [1], other: [2], remote: "r", isSettled: false,
            stopsNames: true)
        try b.vault.evidence.record(doubt)
        try b.take(try a.publish())
        #expect(try b.vault.versions.fetch("notes").number == 1)
        try b.vault.evidence.settle { $0.device == a.id }
        #expect(try b.vault.versions.fetch("notes").number == 2)
        #expect(try b.vault.evidence.all().map(\.isSettled) == [true])
        try b.vault.evidence.record(doubt)
        #expect(try b.vault.evidence.all().map(\.isSettled) == [false])
    }

    @Test func oneNameForTwoAdaptersShowsTheDeviceBehindTheOther() throws {
        let (a, b) = try Self.pair()
        try a.add(1)
        try b.add(2)
        let (fromA, fromB) = (try a.publish(), try b.publish())
        try a.take(fromB)
        try b.take(fromA)
        #expect(try a.vault.adapters.all().map(\.name) == ["notes", "notes-desk"])
        #expect(try b.vault.adapters.all().map(\.name) == ["notes", "notes-laptop"])
        #expect(try Set(a.vault.adapters.all().map(\.id)) == Set(b.vault.adapters.all().map(\.id)))
    }

    @Test func aNameThatOnlyLooksLikeAnotherShowsTheDeviceBehindIt() throws {
        let (a, b) = try Self.pair()
        try a.add(1)
        try b.add(2)
        try b.vault.adapters.rename("notes", to: "n\u{43E}tes")
        try a.take(try b.publish())
        #expect(try a.vault.adapters.all().map(\.name) == ["notes", "n\u{43E}tes-desk"])
        // Where it was renamed before anything else had the name, it is what it is.
        #expect(try b.vault.adapters.all().map(\.name) == ["n\u{43E}tes"])
    }

    @Test func anotherNameThanAnAdapterWasGivenIsTold() throws {
        let (a, b) = try Self.pair()
        func told() throws -> [String] {
            let entries = try b.publish()
            try a.vault.entries.accept(entries.map(\.0))
            return try a.vault.events.apply(entries.map { ($0.1, $0.2) }).shownNames.map {
                "\($0.said) of \($0.device): \($0.shown)"
            }
        }
        try a.add(1)
        try a.add(2, to: "letters")
        try b.add(3)
        try b.add(4, to: "mail")
        #expect(try told() == ["notes of desk: notes-desk"])
        // What is shown already as it is now is no news.
        try b.add(5)
        #expect(try told() == [])
        try b.vault.adapters.rename("mail", to: "l\u{435}tters")
        #expect(try told() == ["l\u{435}tters of desk: l\u{435}tters-desk"])
        // Only what it came to counts.
        try b.add(6, to: "letters")
        try b.vault.adapters.rename("letters", to: "cards")
        #expect(try told() == [])
        try b.vault.adapters.trash("cards")
        #expect(try told() == [])
        try a.add(7, to: "cards")
        try b.vault.trash.restore("cards")
        #expect(try told() == ["cards of desk: cards-desk"])
    }

    /// The names of a whole library are looked at for each adapter that arrives, and their looks are worked out once.
    @Test func whatNamesLookLikeIsWorkedOutOnce() {
        let looks = KnownLooks()
        let others = (0..<512).map { "\u{43D}\u{43E}\u{442}\u{435}s of a long winter by the sea \($0)" }
        func seconds(_ name: String) -> Double {
            let start = TestStore.ownSeconds()
            #expect(!looks.isAlike(name, toAnyOf: others))
            return TestStore.ownSeconds() - start
        }
        let first = seconds("notes of summer")
        let later = (0..<20).map { seconds("notes of day \($0)") }.reduce(0, +) / 20
        #expect(later < first / 3, "\(first) s, then \(later) s")
        #expect(looks.isAlike("H\u{43E}tes of a long winter by the sea 500", toAnyOf: others))
    }

    @Test func namesAndTrashFollowTheLatestWord() throws {
        let (a, b) = try Self.pair()
        try a.add(1)
        try b.take(try a.publish())
        try a.vault.adapters.rename("notes", to: "diary")
        try b.vault.adapters.rename("notes", to: "journal")
        try b.vault.adapters.rename("journal", to: "letters")
        let (fromA, fromB) = (try a.publish(), try b.publish())
        try a.take(fromB)
        try b.take(fromA)
        #expect(try a.vault.adapters.all().map(\.name) == ["letters"])
        #expect(try b.vault.adapters.all().map(\.name) == ["letters"])
        try a.vault.adapters.trash("letters")
        try b.take(try a.publish())
        #expect(try b.vault.adapters.all().isEmpty)
        #expect(try b.vault.trash.entries().map(\.name) == ["letters"])
        try b.vault.trash.restore("letters")
        try a.take(try b.publish())
        #expect(try a.vault.adapters.all().map(\.name) == ["letters"])
        #expect(try a.vault.trash.entries().isEmpty)
        try a.vault.adapters.trash("letters")
        try a.vault.trash.purge(olderThan: 0)
        let last = try a.publish()
        #expect(
            last.contains {
                if case .release(let ids, let entries) = $0.1 { !ids.isEmpty && !entries.isEmpty } else { false }
            })
        try b.take(last)
        #expect(try b.vault.adapters.all().isEmpty)
    }

    @Test func entriesBeyondACutOffAndWhatTheyBroughtAreDropped() throws {
        let (a, b) = try Self.pair()
        try a.add(1)
        try b.take(try a.publish())
        try b.fetch(from: a)
        try a.add(2)
        try b.take(try a.publish())
        #expect(try b.vault.versions.fetch("notes").number == 2)
        #expect(try !b.vault.blobs.wantedChunks(limit: 9).isEmpty)
        let effects = try b.vault.entries.cutOffEffects(of: a.id, after: 1)
        #expect(
            effects.sentences == [
                "Gone, since the bytes were not in use here: notes@2.", "Pointing elsewhere: notes at notes@1.",
            ])
        #expect(try b.vault.versions.fetch("notes").number == 2, "asking changes nothing")
        let done = try b.vault.circle.replaceLinks(after: 1, with: [(.filled(2), [2])], cutOffs: [a.id: 1])
        #expect(done == effects)
        #expect(try b.vault.versions.fetch("notes").number == 1)
        #expect(try b.vault.versions.all(of: "notes").count == 1)
        #expect(try b.vault.entries.heads()[a.id]?.seq == 1)
        #expect(try b.vault.blobs.wantedChunks(limit: 9).isEmpty)
        #expect(try b.vault.circle.links(after: 0, limit: 9) == [[1], [2]])
        #expect(try b.vault.versions.bytes(b.vault.versions.fetch("notes").id) == TestStore.bytes(3000, seed: 1))
    }

    @Test func aStoreThatWasSetBackFindsItsDraftsInItsOwnEntries() throws {
        let a = try Device(1, "laptop")
        try a.join()
        try a.add(1)
        // The state before publishing, as a backup would have it.
        let backup = a.store.directory.path + "/backup"
        try FileManager.default.createDirectory(atPath: backup, withIntermediateDirectories: true)
        _ = try a.vault.outsideTransaction { try $0.checkpoint(.truncate) }
        try FileManager.default.copyItem(atPath: a.store.path + "/attune.db", toPath: backup + "/attune.db")
        let published = try a.publish()
        let mark = try #require(try a.vault.entries.ownMark())
        #expect(mark == LogPosition(seq: 1, hash: published[0].0.hash))
        try a.vault.close()
        for name in ["/attune.db", "/attune.db-wal", "/attune.db-shm"] {
            try? FileManager.default.removeItem(atPath: a.store.path + name)
        }
        try FileManager.default.copyItem(atPath: backup + "/attune.db", toPath: a.store.path + "/attune.db")
        #expect(failure { try TestStore.open(a.store.path) }?.failureCode == "E-VAULT-005")
        let again = try TestStore.open(a.store.path, accepting: true)
        #expect(try again.entries.heads().isEmpty)
        #expect(try again.events.draftCount() == 1)
        #expect(try again.entries.ownMark() == mark)
        try again.entries.accept(published.map(\.0))
        for (_, event, context) in published { try again.events.apply(event, context) }
        #expect(try again.events.draftCount() == 0)
        #expect(try again.versions.all(of: "notes").count == 1)
    }

    @Test func anEntryThatDoesNotFollowIsRefusedWhole() throws {
        let (a, b) = try Self.pair()
        for seed in 1...3 { try a.add(UInt8(seed)) }
        let entries = try a.publish()
        #expect(failure { try b.vault.entries.accept([entries[0].0, entries[2].0]) }?.failureCode == "E-VAULT-052")
        #expect(try b.vault.entries.heads().isEmpty)
        try b.vault.entries.accept(entries.map(\.0))
        try b.vault.entries.accept(entries.map(\.0))
        #expect(try b.vault.entries.heads()[a.id]?.seq == 3)
        #expect(try b.vault.entries.page(of: a.id, after: 1, limit: 9, byteLimit: 1).count == 1)
    }

    @Test func versionsThatCannotBeAreRefused() throws {
        let (a, b) = try Self.pair()
        try a.add(1)
        let entries = try a.publish()
        try b.vault.entries.accept(entries.map(\.0))
        guard case .version(let good) = entries[0].1 else { return }
        func refused(_ change: (inout VersionPacket) -> Void) -> String? {
            var packet = good
            change(&packet)
            return failure { try b.vault.events.apply(.version(packet), entries[0].2) }?.failureCode
        }
        #expect(refused { $0.blob.encodedSize = 1 << 40 } == "E-VAULT-053")
        #expect(refused { $0.blob.chunks = [] } == "E-VAULT-053")
        #expect(refused { $0.blob.key = [] } == "E-VAULT-053")
        #expect(
            refused {
                $0.blob.size = 1 << 39; $0.blob.codec = .planes
            } == "E-VAULT-053")
        #expect(try b.vault.adapters.all().isEmpty)
        try b.vault.events.apply(.version(good), entries[0].2)
        try b.vault.events.apply(.version(good), entries[0].2)
        #expect(try b.vault.versions.all(of: "notes").count == 1)
    }

    @Test func tornChunksAreFetchedAgain() throws {
        let (a, b) = try Self.pair()
        try a.add(1)
        try b.take(try a.publish())
        let id = try #require(try b.vault.blobs.wantedChunks(limit: 1).first)
        // A file of the right size, whose bytes never reached the disk.
        try b.vault.chunks.keep(id, [UInt8](repeating: 0, count: SealedChunk.byteCount))
        #expect(try b.vault.blobs.wantedChunks(limit: 1).isEmpty)
        try b.vault.blobs.settleWhatIsHere()
        #expect(try b.vault.blobs.wantedChunks(limit: 1) == [id])
        #expect(try b.vault.versions.fetch("notes").state == .remote)
        try b.fetch(from: a)
        #expect(try b.vault.versions.fetch("notes").state == .arrived)
    }

    @Test func pinsSayWhatIsKept() throws {
        let (a, b) = try Self.pair()
        for seed in 1...3 { try a.add(UInt8(seed)) }
        try b.take(try a.publish())
        #expect(try b.vault.blobs.wantedChunks(limit: 9).count == 1)
        #expect(try b.vault.pins.policy(of: "notes") == .heads)
        try b.vault.pins.set("notes", .all)
        #expect(try b.vault.blobs.wantedChunks(limit: 9).count == 3)
        try b.vault.pins.set("notes", .none)
        #expect(try b.vault.blobs.wantedChunks(limit: 9).isEmpty)
        try b.vault.blobs.want(VersionReference("notes@2"))
        #expect(try b.vault.blobs.wantedChunks(limit: 9).count == 1)
    }

    @Test func aThousandEntriesOfOneAdapterAreAppliedInSeconds() throws {
        let (a, b) = try Self.pair()
        try a.add(1)
        let first = try a.publish()[0]
        guard case .version(let packet) = first.1 else { return }
        var entries: [StoredEntry] = []
        var events: [(event: AdapterEvent, context: EntryContext)] = []
        for number in 1...1000 {
            var next = packet
            next.id = VersionID(BLAKE2b.hash(Array("\(number)".utf8)))
            next.blob.id = BlobID(startOf: BLAKE2b.hash(Array("blob \(number)".utf8)))
            next.number = number
            let hash = EntryHash(BLAKE2b.hash(Array("entry \(number)".utf8)))
            let previous = entries.last?.hash
            entries.append(
                StoredEntry(
                    hash: hash, device: a.id, seq: UInt64(number),
                    previous: previous ?? .zero, kind: 1, lamport: UInt64(number),
                    bytes: [1]))
            events.append(
                (
                    .version(next),
                    EntryContext(
                        entry: hash, device: a.id, deviceName: "laptop", lamport: UInt64(number),
                        parents: previous.map { [$0] } ?? [])
                ))
        }
        try b.vault.entries.accept(entries)
        var strange = packet
        strange.blob.key = []
        events[999].event = .version(strange)
        let start = TestStore.ownSeconds()
        let refused = try b.vault.events.apply(events).refused
        let time = TestStore.ownSeconds() - start
        #expect(refused.keys.first == entries[999].hash)
        #expect(refused.count == 1)
        #expect(time < 40, "\(time) s")
        #expect(try b.vault.versions.all(of: "notes").count == 999)
        #expect(try b.vault.versions.fetch("notes").number == 999)
        #expect(try b.vault.entries.unapplied(limit: 9).isEmpty)
    }

    @Test func leavingTheCircleKeepsTheAdapters() throws {
        let (a, b) = try Self.pair()
        try a.add(1)
        try b.take(try a.publish())
        try b.fetch(from: a)
        try b.vault.circle.leave()
        #expect(try b.vault.circle.identity() == nil)
        #expect(try b.vault.entries.heads().isEmpty)
        #expect(try b.vault.entries.ownMark() == nil)
        #expect(try b.vault.versions.all(of: "notes").count == 1)
        try b.add(2)
        #expect(try b.vault.events.draftCount() == 0)
    }

    @Test func marksOfChunksAndTheirGenerationAreReplacedTogether() throws {
        let device = try Device(1, "laptop")
        try device.join()
        let other = try device.vault.remotes.chunkMarks(of: "s")
        #expect(other.logs.isEmpty)
        #expect(other.generation == 0)
        let marks = [DeviceID.filled(7): LogPosition(seq: 3, hash: .filled(7))]
        try device.vault.remotes.setMarks(marks, of: "r")
        // As they were kept at first: the generation as a mark of this device.
        try device.vault.remotes.setMarks([device.id: LogPosition(seq: 9, hash: .filled(7))], of: "r generation")
        #expect(try device.vault.remotes.chunkMarks(of: "r").generation == 9)
        for generation in [UInt64(5), UInt64(Int64.max), 0] {
            try device.vault.remotes.setChunkMarks(generation == 5 ? marks : [:], generation: generation, of: "r")
            let kept = try device.vault.remotes.chunkMarks(of: "r")
            #expect(kept.generation == generation)
            #expect(kept.logs == (generation == 5 ? marks : [:]))
        }
        #expect(try device.vault.remotes.marks(of: "r") == marks)
    }

    @Test func questionsOfASyncWithoutNewsAreQuickWithTenThousandVersions() throws {
        let device = try Device(1, "laptop")
        try device.join()
        let packet = VersionPacket(
            adapter: .filled(5), name: "notes", base: TestStore.base, id: .filled(7),
            parents: [], manifest: "{}",
            blob: BlobPacket(
                id: .filled(5), key: [UInt8](repeating: 5, count: 32), size: 1, encodedSize: 1,
                digest: .filled(7), codec: .stored, chunks: [.filled(7)]),
            created: 1, lossBefore: nil, lossAfter: nil, number: 1)
        try device.vault.fill(packet, count: 10_000)
        let clock = ContinuousClock()
        let several = try clock.measure { _ = try device.vault.adapters.withSeveralHeads() }
        #expect(several < .milliseconds(50), "\(several)")
        let time = try clock.measure {
            _ = try device.vault.entries.heads()
            _ = try device.vault.remotes.marks(of: "r")
            _ = try device.vault.entries.largestLamport()
            _ = try device.vault.events.nextDraft()
            _ = try device.vault.entries.ownMark()
            _ = try device.vault.blobs.wantedChunks(limit: 64)
            _ = try device.vault.entries.unapplied(limit: 256)
            _ = try device.vault.evidence.all()
        }
        #expect(time < .milliseconds(150), "\(time)")
    }
}

extension Vault {
    /// Many entries and versions of one adapter, as a long-lived circle has them.
    fileprivate func fill(_ packet: VersionPacket, count: Int) throws {
        try write { database in
            var previous = EntryHash.zero
            let author = DeviceID.filled(7)
            for number in 1...count {
                let hash = EntryHash(BLAKE2b.hash([UInt8](withUnsafeBytes(of: number) { Array($0) })))
                try EntryTable.append(
                    database,
                    StoredEntry(
                        hash: hash, device: author, seq: UInt64(number), previous: previous, kind: 1,
                        lamport: UInt64(number), bytes: [UInt8](repeating: 1, count: 400)), isApplied: true)
                previous = hash
                try database.execute(
                    sql:
                        "INSERT INTO events (adapter, kind, version, entry, device, lamport) VALUES (?, ?, ?, ?, ?, ?)",
                    arguments: [packet.adapter, "version", hash, hash, author, number])
                if number > 1 {
                    let event = database.lastInsertedRowID
                    try database.execute(
                        sql: "INSERT INTO event_parents (event, parent) VALUES (?, ?)", arguments: [event, event - 1])
                }
            }
        }
    }
}
