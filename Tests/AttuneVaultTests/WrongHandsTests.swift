// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import GRDB
import Testing

@testable import AttuneVault

/// Random histories of honest devices and of one in the wrong hands, over real stores: once it is shut out, a store
/// that heard it in any order has what one has that never did.
@Suite struct WrongHandsTests {
    /// What a device says that it should not.
    enum Misdeed: String, CaseIterable, Sendable {
        /// Ids of versions, adapters and bytes that are another's, with other content.
        case squats
        /// Names, trash and heads of adapters that are another's.
        case renames
        /// Versions of bytes that nobody has, as many and as large as they may be.
        case bombs
        /// Bytes that others still want let go.
        case releases
    }

    /// A fault of the store, put there by a trigger, for the histories to find.
    enum Fault: String, CaseIterable, Sendable {
        case firstClaimWins = """
            CREATE TRIGGER planted BEFORE INSERT ON claims
            WHEN EXISTS (SELECT 1 FROM claims WHERE version = NEW.version) BEGIN SELECT RAISE(IGNORE); END
            """
        case namesStay = """
            CREATE TRIGGER planted BEFORE DELETE ON events WHEN OLD.kind = 'name' BEGIN SELECT RAISE(IGNORE); END
            """
        case bombsStay = """
            CREATE TRIGGER planted BEFORE DELETE ON versions BEGIN SELECT RAISE(IGNORE); END
            """
        case releasesStay = """
            CREATE TRIGGER planted BEFORE UPDATE OF wanted ON blobs
            WHEN OLD.wanted = 0 AND NEW.wanted = 1 AND EXISTS (SELECT 1 FROM links WHERE seq = 2)
            BEGIN SELECT RAISE(IGNORE); END
            """

        var misdeed: Misdeed {
            switch self {
            case .firstClaimWins: .squats
            case .namesStay: .renames
            case .bombsStay: .bombs
            case .releasesStay: .releases
            }
        }
    }

    static let isSlow = ProcessInfo.processInfo.environment["ATTUNE_TEST_SLOW"] == "1"

    @Test(arguments: Misdeed.allCases) func nothingIsLeftOfWhatADeviceSaidOnceItIsShutOut(misdeed: Misdeed) throws {
        for seed in 0..<(Self.isSlow ? 200 : 4) as Range<UInt64> {
            let (heard, spared) = try History(seed: seed, misdeed).run()
            #expect(heard == spared, "seed \(seed): \(heard) and \(spared)")
        }
    }

    @Test(arguments: Fault.allCases) func aFaultOfEachKindIsFound(fault: Fault) throws {
        let isFound = try (0..<12 as Range<UInt64>).contains { seed in
            let (heard, spared) = try History(seed: seed, fault.misdeed).run(with: fault)
            return heard != spared
        }
        #expect(isFound)
    }

    /// What a person has of a store; what has several heads may point at any of them.
    struct State: Equatable, CustomStringConvertible {
        let adapters: Set<String>
        let versions: Set<String>
        let heads: [String: Set<String>]
        let wanted: Set<Digest256>

        init(_ vault: Vault) throws {
            let all = try vault.adapters()
            adapters = Set(all.map { "\($0.name) \($0.base.short)" })
            versions = Set(
                try all.flatMap { adapter in
                    try vault.versions(of: adapter.name).map { "\(adapter.name) \($0.id.short) \($0.state)" }
                })
            heads = Dictionary(
                uniqueKeysWithValues: try all.map { adapter in
                    (adapter.name, Set(try vault.heads(of: adapter.name).map(\.version.id.short)))
                })
            wanted = Set(try vault.wantedChunks(limit: 100_000))
        }

        var description: String { "\(adapters.sorted()) \(versions.sorted()) \(heads) wanted \(wanted.count)" }
    }

    /// A generator whose numbers follow from the seed (SplitMix64).
    struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value >> 31)
        }
    }

    typealias Spoken = (entry: StoredEntry, event: AdapterEvent, context: EntryContext)

    /// One history; two stores hear it: one all of it, one only what the honest devices said.
    final class History {
        private var random: Random
        private let misdeed: Misdeed
        private let honest: SyncTests.Device
        private let culprit: SyncTests.Device
        private let heard: SyncTests.Device
        private let spared: SyncTests.Device
        private var honestLog: [Spoken] = []
        private var culpritLog: [Spoken] = []

        init(seed: UInt64, _ misdeed: Misdeed) throws {
            random = Random(state: seed)
            self.misdeed = misdeed
            honest = try SyncTests.Device(1, "loft")
            culprit = try SyncTests.Device(2, "mal")
            heard = try SyncTests.Device(3, "desk")
            spared = try SyncTests.Device(4, "tablet")
            for device in [honest, culprit, heard, spared] { try device.join() }
            // Bytes of every version, whenever it was the newest.
            for device in [heard, spared] { try device.vault.setSetting("sync.keep", to: PinPolicy.all.rawValue) }
        }

        func run(with fault: Fault? = nil) throws -> (heard: State, spared: State) {
            if let fault { try heard.vault.write { try $0.execute(sql: fault.rawValue) } }
            for number in 0..<UInt8(Int.random(in: 3...6, using: &random)) { try work(number) }
            for _ in 0..<Int.random(in: 2...5, using: &random) { try misbehave() }
            // In any order of the two logs; each by itself in its own.
            var (mine, yours) = (honestLog[...], culpritLog[...])
            while !mine.isEmpty || !yours.isEmpty {
                let takesYours = mine.isEmpty || !yours.isEmpty && Bool.random(using: &random)
                let next = takesYours ? yours.removeFirst() : mine.removeFirst()
                try heard.take([next])
                if Int.random(in: 0..<3, using: &random) == 0 { try fetch(heard) }
            }
            for spoken in honestLog { try spared.take([spoken]) }
            for device in [heard, spared] { try fetch(device) }
            let link = (hash: BLAKE2b.hash([2]), bytes: [UInt8](arrayLiteral: 2))
            for device in [heard, spared] {
                try device.vault.replaceLinks(after: 1, with: [link], cutOffs: [culprit.id: 0])
            }
            let isCut = try heard.vault.entryHeads()[culprit.id] == nil
            #expect(isCut)
            for device in [heard, spared] { try fetch(device) }
            return (try State(heard.vault), try State(spared.vault))
        }

        // MARK: Honest work

        private func work(_ number: UInt8) throws {
            let names = try honest.vault.adapters().map(\.name)
            switch Int.random(in: 0...5, using: &random) {
            case 0 where !names.isEmpty: try honest.vault.rename(names[0], to: "renamed-\(number)")
            case 1 where names.count > 1: try honest.vault.trashAdapter(names[1])
            case 2 where !names.isEmpty:
                try honest.add(number + 1, to: names[0])
            default: try honest.add(number + 1, to: "work-\(number)")
            }
            honestLog += try honest.publish().map { (entry: $0.0, event: $0.1, context: $0.2) }
        }

        // MARK: Misdeeds

        private func misbehave() throws {
            let versions = honestLog.compactMap { spoken -> VersionPacket? in
                if case .version(let packet) = spoken.event { packet } else { nil }
            }
            guard let target = versions.randomElement(using: &random) else { return }
            switch misdeed {
            case .squats: try say(.version(squat(on: target)))
            case .renames:
                let events: [AdapterEvent] = [
                    .name(adapter: target.adapter, "mine"), .name(adapter: target.adapter, "work-0"),
                    .trashed(adapter: target.adapter, true), .trashed(adapter: target.adapter, false),
                    .head(adapter: target.adapter, version: versions[0].id),
                ]
                if let event = events.randomElement(using: &random) { try say(event) }
            case .bombs:
                var bomb = target
                bomb.id = BLAKE2b.hash(noise())
                bomb.manifest = String(repeating: "x", count: 50_000)
                bomb.blob.id = Array(noise().prefix(16))
                bomb.blob.encodedSize = 250 << 20
                guard let count = ChunkSealer.chunkCount(length: bomb.blob.encodedSize) else { return }
                bomb.blob.chunks = (0..<count).map { _ in BLAKE2b.hash(noise()) }
                bomb.blob.size = bomb.blob.encodedSize
                bomb.blob.codec = .stored
                if Bool.random(using: &random) { bomb.adapter = Array(noise().prefix(16)) }
                try say(.version(bomb))
            case .releases: try say(.release(versions: versions.map(\.id), entries: []))
            }
        }

        private func squat(on target: VersionPacket) throws -> VersionPacket {
            // Bytes that it has: those of a version of its own.
            let seed = UInt8.random(in: 100...200, using: &random)
            try culprit.add(seed, to: "bait-\(culpritLog.count)")
            guard case .version(let bait) = try culprit.vault.nextDraft()?.event else { return target }
            for draft in try [culprit.vault.nextDraft()].compactMap({ $0 }) {
                try culprit.vault.write {
                    try $0.execute(sql: "DELETE FROM events WHERE seq = ?", arguments: [draft.id])
                }
            }
            var packet = target
            switch Int.random(in: 0...4, using: &random) {
            case 0: packet.blob = bait.blob
            case 1:
                packet.base = TestStore.otherBase
                packet.id = bait.id
                packet.manifest = bait.manifest
                packet.blob = bait.blob
            case 2:
                let id = packet.blob.id
                packet.id = bait.id
                packet.manifest = bait.manifest
                packet.blob = bait.blob
                packet.blob.id = id
                packet.adapter = bait.adapter
            case 3:
                // The honest bytes as another version.
                packet.id = BLAKE2b.hash(noise())
                packet.adapter = bait.adapter
            default:
                packet.blob.digest = BLAKE2b.hash(noise())
            }
            return packet
        }

        /// An entry of the culprit, said before or after everything else as it likes.
        private func say(_ event: AdapterEvent) throws {
            let seq = UInt64(culpritLog.count) + 1
            let lamport = seq + (Bool.random(using: &random) ? 0 : 200)
            let last = culpritLog.last?.entry
            let hash = BLAKE2b.hash(noise())
            let entry = StoredEntry(
                hash: hash, device: culprit.id, seq: seq,
                previous: last?.hash ?? Digest256(repeatElement(0, count: 32))!, kind: 1,
                lamport: max(lamport, (last?.lamport ?? 0) + 1), bytes: hash.bytes)
            let context = EntryContext(
                entry: hash, device: culprit.id, deviceName: "mal", lamport: entry.lamport, parents: [])
            culpritLog.append((entry: entry, event: event, context: context))
        }

        private func noise() -> [UInt8] { (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) } }

        // MARK: Bytes

        /// Fetches what is wanted and somebody has, and judges it by its id.
        private func fetch(_ device: SyncTests.Device) throws {
            for _ in 0..<8 {
                for id in try device.vault.wantedChunks(limit: 100_000) {
                    let path = [honest, culprit].lazy.compactMap { $0.vault.chunkPath(id) }.first
                    guard let path else { continue }
                    try device.vault.storeChunk(id, Array(try Data(contentsOf: URL(filePath: path))))
                }
                let arrived = try device.vault.arrivedVersions()
                if arrived.isEmpty { break }
                for version in arrived {
                    let isSound = (try? device.vault.versionBytes(of: version)) != nil
                    try device.vault.judge(version, isSound: isSound)
                }
            }
        }
    }
}
