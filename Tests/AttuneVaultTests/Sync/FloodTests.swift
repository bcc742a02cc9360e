// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import GRDB
import Testing

@testable import AttuneVault

/// Entries without end of one device: each costs what it costs alone, and once the device is shut out there is nothing
/// of them, and nothing that takes longer for them.
@Suite(.serialized) struct FloodTests {
    /// What a device can say again and again.
    enum Flood: String, CaseIterable, Sendable {
        /// Versions on top of nothing, in an adapter of another device: as many heads.
        case heads
        /// Adapters of its own, all with the name of another's.
        case adapters
        /// The name of another's adapter.
        case names
        /// That another's adapter is in the trash, and that it is not.
        case trash
        /// That a name points at a version.
        case pointers
        /// One version of another device, as it is.
        case repeats
        /// That version with other bytes each time.
        case claims
        /// Versions on top of one that was refused.
        case children
        /// Bytes of others let go.
        case releases
    }

    static let isSlow = ProcessInfo.processInfo.environment["ATTUNE_TEST_SLOW"] == "1"
    private static let culprit = DeviceID.filled(9)

    @Test(arguments: Flood.allCases) func aFloodCostsItsSizeAndLeavesNothing(flood: Flood) throws {
        let (count, blockSize) = Self.isSlow ? (100_000, 100) : (180, 15)
        let (author, heard, spared) = try (
            SyncTests.Device(1, "laptop"), SyncTests.Device(2, "desk"), SyncTests.Device(3, "tower")
        )
        for device in [author, heard, spared] { try device.join() }
        let first = try author.add(1)
        try author.add(2, parents: [first.id])
        try author.add(3, to: "diary")
        let honest = try author.publish()
        for device in [heard, spared] { try device.take(honest) }
        var random = SyntheticRandom(seed: 1)
        var times: [Double] = []
        var last: StoredEntry?
        let before = MemoryLimits.resident()
        for block in 0..<count / blockSize {
            let said = try (0..<blockSize).map { index in
                let number = block * blockSize + index
                let entry = Self.entry(number + 1, after: last, &random)
                last = entry
                return (entry, try Self.event(flood, number, honest.map(\.1), &random), Self.context(entry))
            }
            let start = TestStore.ownSeconds()
            try heard.vault.entries.accept(said.map(\.0))
            _ = try heard.vault.events.apply(said.map { ($0.1, $0.2) })
            times.append(TestStore.ownSeconds() - start)
            if flood == .children, block == 0 { try Self.refuse(heard, "bomb") }
        }
        let grown = MemoryLimits.resident() - before
        let third = times.count / 3
        let (early, late) = (times.prefix(third).reduce(0, +), times.suffix(third).reduce(0, +))
        #expect(late < 4 * early + 0.5, "\(flood): \(early) s for the first third, \(late) s for the last")
        // Beside other tests the memory is also theirs.
        if Self.isSlow { #expect(grown < 256 << 20, "\(flood): \(grown >> 20) MiB") }
        // Asking is as quick.
        let question = TestStore.ownSeconds()
        _ = try heard.vault.blobs.wantedChunks(limit: 1024)
        _ = try heard.vault.adapters.withSeveralHeads()
        let asked = TestStore.ownSeconds() - question
        #expect(asked < 1 + Double(count) / 20_000, "\(flood): \(asked) s to ask")

        let start = TestStore.ownSeconds()
        for device in [heard, spared] {
            try device.vault.circle.replaceLinks(after: 1, with: [], cutOffs: [Self.culprit: 0])
        }
        let cut = TestStore.ownSeconds() - start
        #expect(cut < 2 + 2 * times.reduce(0, +), "\(flood): \(cut) s to cut off")
        if Self.isSlow {
            print(
                "\(flood): \(count) entries in \(times.reduce(0, +)) s (\(early) s the first third, \(late) s the last), "
                    + "\(grown >> 20) MiB, asked in \(asked) s, cut off in \(cut) s")
        }
        // As if it had never been.
        let (found, expected) = (try ShutOutTests.state(of: heard), try ShutOutTests.state(of: spared))
        #expect(found == expected, "\(flood)")
        let next = try author.add(4, parents: [first.id])
        let entries = try author.publish()
        for device in [heard, spared] { try device.take(entries) }
        #expect(try heard.vault.adapters.heads(of: "notes").contains { $0.version.id == next.id }, "\(flood)")
        #expect(try ShutOutTests.state(of: heard) == ShutOutTests.state(of: spared), "\(flood)")
    }

    // MARK: What it says

    private static func event(
        _ flood: Flood, _ number: Int, _ honest: [AdapterEvent], _ random: inout SyntheticRandom
    ) throws -> AdapterEvent {
        let versions = honest.compactMap { event in if case .version(let packet) = event { packet } else { nil } }
        var packet = try #require(versions.first)
        func fresh() {
            packet.id = digest(&random)
            packet.blob.id = digest(&random)
            packet.blob.chunks = packet.blob.chunks.map { _ in digest(&random) }
        }
        switch flood {
        case .heads: fresh()
        case .adapters:
            fresh()
            packet.adapter = digest(&random)
        case .names: return .name(adapter: packet.adapter, "name-\(number)")
        case .trash: return .trashed(adapter: packet.adapter, number % 2 == 0)
        case .pointers: return .head(adapter: packet.adapter, version: versions[number % 2].id)
        case .repeats: break
        case .claims:
            let id = packet.id
            fresh()
            packet.id = id
        case .children:
            packet.adapter = .filled(8)
            packet.name = "bomb"
            fresh()
            if number == 0 {
                packet.id = digest(of: 0)
            } else {
                packet.parents = [digest(of: 0)]
            }
        case .releases: return .release(versions: versions.map(\.id), entries: [])
        }
        return .version(packet)
    }

    /// What arrived of an adapter is found to be no adapter.
    private static func refuse(_ device: SyncTests.Device, _ name: String) throws {
        let version = try device.vault.versions.fetch("\(name)@1")
        try device.vault.write {
            try $0.execute(sql: "UPDATE blobs SET state = 2 WHERE id = ?", arguments: [version.blob])
        }
        try device.vault.blobs.judge(version, isSound: false)
    }

    private static func digest<Kind>(_ random: inout SyntheticRandom) -> Identifier<Kind> {
        Identifier((0..<4).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }.prefix(Kind.byteCount))!
    }

    private static func digest<Kind: DigestKind>(of number: Int) -> Identifier<Kind> {
        Identifier(BLAKE2b.hash(Array("flood \(number)".utf8)))
    }

    private static func entry(_ seq: Int, after last: StoredEntry?, _ random: inout SyntheticRandom) -> StoredEntry {
        let hash: EntryHash = seq == 1 ? digest(of: -1) : digest(&random)
        return StoredEntry(
            hash: hash, device: culprit, seq: UInt64(seq),
            previous: last?.hash ?? .zero, kind: 1, lamport: UInt64(seq) + 100,
            bytes: hash.bytes)
    }

    private static func context(_ entry: StoredEntry) -> EntryContext {
        // The first of them is what the others follow.
        EntryContext(
            entry: entry.hash, device: culprit, deviceName: "mal", lamport: entry.lamport,
            parents: entry.seq == 1 ? [] : [digest(of: -1)])
    }
}
