// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import GRDB
import Testing

@testable import AttuneVault

/// The heads of an adapter are kept as entries come; looking at all entries anew finds the same.
@Suite struct HeadTests {
    /// A fault of the store, put there by a trigger, for the comparison to find.
    enum Fault: String, CaseIterable, Sendable {
        case newOnesAreNoHeads = "NEW.tip = 1"
        case followedOnesStay = "NEW.tip = 0"
        /// Only where a version was said once is it one no longer.
        case twinsStay = """
            NEW.tip = 0 AND NEW.seq > (SELECT MIN(o.seq) FROM events o
                WHERE o.adapter = NEW.adapter AND o.version = NEW.version AND o.kind = 'version')
            """

        var trigger: String {
            "CREATE TRIGGER planted BEFORE UPDATE OF tip ON events WHEN \(rawValue) BEGIN SELECT RAISE(IGNORE); END"
        }
    }

    @Test func whatIsMadeMeanwhileOutlivesTheTrash() throws {
        let (author, store) = try SyncTests.pair()
        let first = try author.add(1)
        try store.take(try author.publish())
        let own = try store.add(2, parents: [first.id])
        try author.vault.adapters.trash("notes")
        try store.take(try author.publish())
        #expect(try store.vault.adapters.all().map(\.name) == ["notes"])
        try author.take(try store.publish())
        #expect(try author.vault.adapters.all().map(\.name) == ["notes"])
        #expect(try author.vault.versions.fetch("notes").id == own.id)
        // What nobody added to stays there.
        try author.vault.adapters.trash("notes")
        try store.take(try author.publish())
        #expect(try store.vault.adapters.all().isEmpty)
    }

    @Test func headsAreThoseOfAllEntriesAfterEachEntry() throws {
        for seed in 0..<(FloodTests.isSlow ? 300 : 12) as Range<UInt64> {
            let differences = try Talk(seed: seed).differences()
            #expect(differences.isEmpty, "seed \(seed): \(differences)")
        }
    }

    @Test(arguments: Fault.allCases) func aFaultOfEachKindIsFound(fault: Fault) throws {
        let isFound = try (0..<8 as Range<UInt64>).contains { try !Talk(seed: $0, fault: fault).differences().isEmpty }
        #expect(isFound)
    }

    @Test func aVersionThatAnotherDeviceWentBackToIsNoTrash() throws {
        let (a, b) = try SyncTests.pair()
        let first = try a.add(1)
        try a.add(2, parents: [first.id])
        try b.take(try a.publish())
        try b.fetch(from: a)
        for version in try b.vault.blobs.arrivedVersions() { try b.vault.blobs.judge(version, isSound: true) }
        try a.vault.versions.trash(VersionReference("notes@1"))
        try b.vault.adapters.rollback("notes", to: .number(1))
        try a.take(try b.publish())
        #expect(try a.vault.versions.fetch("notes").id == first.id)
        #expect(try a.vault.trash.entries().isEmpty)
        #expect(try a.vault.versions.all(of: "notes").map(\.number).sorted() == [1, 2])

        // A store in which it lies there all the same keeps it when the trash is emptied.
        try a.vault.write { database in
            try database.execute(sql: "UPDATE versions SET trashed = 1 WHERE number = 1")
            try database.execute(
                sql: "INSERT INTO trash (kind, subject, name, trashed) VALUES ('version', ?, 'notes@1', 1)",
                arguments: ["\(first.row)"])
        }
        try a.vault.trash.purge(olderThan: 0)
        #expect(try a.vault.trash.entries().isEmpty)
        #expect(try a.vault.versions.all(of: "notes").map(\.number).sorted() == [1, 2])
    }

    @Test func whatIsRestoredOfADeviceThatWasShutOutIsSaidByWhoRestoresIt() throws {
        let (a, b) = try SyncTests.pair()
        let third = try SyncTests.Device(3, "hut")
        try third.join()
        let own = try b.add(7)
        let first = try b.publish()
        try a.take(first)
        try a.add(1, to: "theirs")
        let second = try a.add(2, parents: [own.id])
        try b.take(try a.publish())
        try b.fetch(from: a)
        for version in try b.vault.blobs.arrivedVersions() { try b.vault.blobs.judge(version, isSound: true) }
        let link = (hash: LinkHash.filled(2), bytes: [UInt8](arrayLiteral: 2))
        try b.vault.circle.replaceLinks(after: 1, with: [link], cutOffs: [a.id: 0])
        let names = try b.vault.trash.entries().map(\.name)
        #expect(names.contains("theirs"))
        #expect(try b.vault.events.draftCount() == 0)
        for name in names { try b.vault.trash.restore(name) }
        let said = try b.publish()
        #expect(!said.isEmpty)
        try third.take(first + said)
        #expect(try Set(third.vault.adapters.all().map(\.name)) == Set(b.vault.adapters.all().map(\.name)))
        #expect(try third.vault.versions.fetch("notes").id == b.vault.versions.fetch("notes").id)
        #expect(try third.vault.versions.all(of: "theirs").count == 1)
        withExtendedLifetime(second) {}
    }
}

/// Devices that make, repeat, choose and follow versions of one adapter, some of which are refused.
private final class Talk {
    private let device: SyncTests.Device
    private let fault: HeadTests.Fault?
    private var random: SyntheticRandom
    private var entries: [StoredEntry] = []
    private var said: [VersionPacket] = []

    init(seed: UInt64, fault: HeadTests.Fault? = nil) throws {
        device = try SyncTests.Device(1, "laptop")
        try device.join()
        random = SyntheticRandom(seed: seed)
        self.fault = fault
    }

    /// What was kept otherwise than it is found anew, with the number of entries by then.
    func differences() throws -> [String] {
        for count in 1...40 {
            try say()
            if Int.random(in: 0...4, using: &random) == 0 { try refuse() }
            let (kept, found) = try tips()
            if kept != found { return ["\(count) entries: \(kept), anew \(found)"] }
        }
        return []
    }

    private func say() throws {
        let author = UInt8.random(in: 2...4, using: &random)
        let signer = DeviceID.filled(author)
        let log = entries.filter { $0.device == signer }
        let hash: EntryHash = digest()
        let entry = StoredEntry(
            hash: hash, device: signer, seq: UInt64(log.count) + 1,
            previous: log.last?.hash ?? .zero, kind: 1,
            lamport: UInt64(entries.count) + 1, bytes: hash.bytes)
        let parents = entries.suffix(8).filter { _ in Int.random(in: 0...3, using: &random) == 0 }.map(\.hash)
        entries.append(entry)
        try device.vault.entries.accept([entry])
        let context = EntryContext(
            entry: hash, device: entry.device, deviceName: "d\(author)", lamport: entry.lamport, parents: parents)
        if let fault { try device.vault.write { try $0.execute(sql: fault.trigger) } }
        try device.vault.events.apply(event(), context)
        if fault != nil { try device.vault.write { try $0.execute(sql: "DROP TRIGGER planted") } }
    }

    private func event() -> AdapterEvent {
        var packet = VersionPacket(
            adapter: .filled(8), name: "notes", base: TestStore.base, id: digest(),
            parents: [], manifest: "{}",
            blob: BlobPacket(
                id: digest(), key: (digest() as Digest256).bytes, size: 9, encodedSize: 9, digest: digest(),
                codec: .stored, chunks: [digest()]),
            created: 1, lossBefore: nil, lossAfter: nil, number: said.count + 1)
        if let known = said.randomElement(using: &random) {
            switch Int.random(in: 0...6, using: &random) {
            case 0, 1: return .version(known)
            case 2: return .head(adapter: known.adapter, version: known.id)
            case 3:
                // Other bytes for it.
                packet.id = known.id
                return .version(packet)
            default: break
            }
        }
        said.append(packet)
        return .version(packet)
    }

    /// The bytes of some version came and are none of an adapter.
    private func refuse() throws {
        guard let id = said.randomElement(using: &random)?.id else { return }
        let version = try device.vault.versions.fetch(id: id)
        guard version.state == .remote else { return }
        try device.vault.write {
            try $0.execute(sql: "UPDATE blobs SET state = 2 WHERE id = ?", arguments: [version.blob])
        }
        try device.vault.blobs.judge(version, isSound: false)
    }

    private func tips() throws -> (kept: [Int64], found: [Int64]) {
        func tips(_ database: Database) throws -> [Int64] {
            try Int64.fetchAll(database, sql: "SELECT seq FROM events WHERE tip = 1 ORDER BY seq")
        }
        return try device.vault.write { database in
            let kept = try tips(database)
            var found = kept
            try database.inSavepoint {
                for adapter in try AdapterID.fetchAll(database, sql: "SELECT id FROM adapters") {
                    try EventTable.recountTips(database, adapter)
                }
                found = try tips(database)
                return .rollback
            }
            return (kept, found)
        }
    }

    private func digest<Kind>() -> Identifier<Kind> {
        Identifier((0..<4).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }.prefix(Kind.byteCount))!
    }
}
