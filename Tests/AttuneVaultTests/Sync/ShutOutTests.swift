// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import GRDB
import Testing

@testable import AttuneVault

/// What a device in the wrong hands does to adapters is as if it had never been, once its entries no longer count.
///
/// Two stores take in the same log of an honest device. One of them also gets what the culprit says, before, between or
/// after that; then the culprit is cut off. At the end nobody can tell the two stores apart.
@Suite struct ShutOutTests {
    /// Something that an own device can say of adapters that are not its own.
    enum Misdeed: String, CaseIterable, Sendable {
        /// The very same version once more.
        case repeatsVersion
        /// The same bytes for the same version, and another history and losses.
        case retellsVersion
        /// Other bytes for a version id.
        case claimsOtherBytes
        /// Bytes that it has for a version id; for another base; or for the id of the version's bytes.
        case squats
        /// The bytes of a version as another one of its own.
        case borrows
        /// Another sum of the same bytes.
        case missums
        /// The id of a run of bytes for other bytes.
        case claimsBlob
        /// An adapter's id for another base.
        case claimsBase
        /// A version of its own on top of another's.
        case goesOn
        /// An adapter of its own with another's name.
        case takesName
        case renames
        case trashes
        case restores
        case movesHead
        /// Says that versions were erased for good.
        case releases
        /// Bytes without end, in sizes that agree with each other.
        case bombs
    }

    /// A fault of the store, put there by a trigger, for the comparison to find.
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

    private static let isSlow = ProcessInfo.processInfo.environment["ATTUNE_TEST_SLOW"] == "1"

    @Test(arguments: Misdeed.allCases) func nothingIsLeft(of misdeed: Misdeed) throws {
        for seed in 0..<(Self.isSlow ? 200 : 4) as Range<UInt64> {
            try Story(seed: seed, misdeeds: [misdeed]).run()
        }
    }

    @Test func nothingIsLeftOfAllOfThemTogether() throws {
        for seed in 1000..<(Self.isSlow ? 1500 : 1006) as Range<UInt64> {
            // Bytes that the culprit has go to the trash, which is then compared without what lies there.
            try Story(seed: seed, misdeeds: Misdeed.allCases.filter { $0 != .squats || seed % 2 == 1 }).run()
        }
    }

    /// The proof that a device has two logs is kept however much that device says of others.
    @Test func whatADeviceSaysOfOthersTakesNoPlaceFromItsFork() throws {
        let desk = try SyncTests.Device(2, "desk")
        try desk.join()
        let culprit = DeviceID.filled(9)
        func piece(_ kind: String, about device: DeviceID, _ seq: UInt64) -> StoredEvidence {
            StoredEvidence(
                kind: kind, author: culprit, device: device, seq: seq, held: [1], other: [2], remote: "relay",
                isSettled: false, stopsNames: kind == "fork")
        }
        for seq in 1...UInt64(EvidenceTable.pieces) + 5 {
            try desk.vault.evidence.record(piece("contradiction", about: desk.id, seq))
        }
        #expect(try desk.vault.evidence.all().count == EvidenceTable.pieces)
        #expect(try desk.vault.evidence.record(piece("fork", about: culprit, 1)))
        #expect(try desk.vault.evidence.all().filter { $0.kind == "fork" }.count == 1)
    }

    /// All that a person or another device can see of adapters.
    static func state(of device: SyncTests.Device) throws -> Set<String> {
        let vault = device.vault
        var lines: Set<String> = []
        for adapter in try vault.adapters.all() {
            lines.insert("adapter \(adapter.name) of base \(adapter.base)")
            for version in try vault.versions.all(of: adapter.name) {
                // A number is never used twice, so those of later versions may be others.
                lines.insert(
                    "version \(version.id) of \(adapter.name) from \(version.parents) \(version.manifest) "
                        + "\(version.size) \(version.state) \(version.lossAfter ?? 0) \(version.isHead ? "live" : "")")
            }
            for head in try vault.adapters.heads(of: adapter.name) {
                lines.insert("head of \(adapter.name): \(head.version.id)")
            }
        }
        for entry in try vault.trash.entries() { lines.insert("trash \(entry.kind) \(entry.name)") }
        for id in try vault.blobs.wantedChunks(limit: 5000) { lines.insert("wanted \(id)") }
        for piece in try vault.evidence.all() where !piece.isSettled { lines.insert("evidence \(piece.kind)") }
        for (device, head) in try vault.entries.heads() { lines.insert("log of \(device.bytes[0]) up to \(head.seq)") }
        lines.insert("chunks \(try vault.statistics().chunks)")
        lines.insert("whole \(try vault.verify().isWhole)")
        return lines
    }

    @Test(arguments: Fault.allCases) func aFaultOfEachKindIsFound(fault: Fault) throws {
        let isFound = try (0..<12 as Range<UInt64>).contains { seed in
            let story = try Story(seed: seed, misdeeds: [fault.misdeed])
            try story.hearing.vault.write { try $0.execute(sql: fault.rawValue) }
            // Some faults leave a store that cannot be asked any more.
            return (try? story.differences(cutsOff: true))?.isEmpty != true
        }
        #expect(isFound)
    }

    /// Without the cut-off something is left of each, or the comparison shows nothing.
    @Test(arguments: Misdeed.allCases.filter { $0 != .missums && $0 != .restores }) func aCutOffThatIsForgottenIsCaught(
        misdeed: Misdeed
    ) throws {
        let differs = try (0..<8 as Range<UInt64>).contains { seed in
            let story = try Story(seed: seed, misdeeds: [misdeed])
            return try !story.differences(cutsOff: false).isEmpty
        }
        #expect(differs)
    }
}

/// One honest log, one of a culprit, and two stores that differ in whether they heard of the second.
private final class Story {
    typealias Said = (StoredEntry, AdapterEvent, EntryContext)

    let seed: UInt64
    let misdeeds: [ShutOutTests.Misdeed]
    var random: SyntheticRandom
    let author: SyncTests.Device
    let hearing: SyncTests.Device
    let control: SyncTests.Device
    /// Whether both want the bytes of every version; else they have those of what was a head when they looked.
    let keepsAll: Bool
    /// Bytes that the culprit has.
    let bait: SyncTests.Device
    static let culprit = DeviceID.filled(9)
    var honest: [Said] = []
    var lies: [Said] = []
    var lastBytes: UInt8 = 0

    init(seed: UInt64, misdeeds: [ShutOutTests.Misdeed]) throws {
        self.seed = seed
        self.misdeeds = misdeeds
        var random = SyntheticRandom(seed: seed)
        keepsAll = Bool.random(using: &random)
        self.random = random
        author = try SyncTests.Device(1, "laptop")
        hearing = try SyncTests.Device(2, "desk")
        control = try SyncTests.Device(3, "tower")
        bait = try SyncTests.Device(9, "mal")
        for device in [author, hearing, control, bait] { try device.join() }
        if keepsAll {
            for device in [hearing, control] { try device.vault.settings.set("sync.keep", to: PinPolicy.all.rawValue) }
        }
    }

    func run() throws {
        let differences = try differences(cutsOff: true)
        #expect(differences.isEmpty, "seed \(seed), \(misdeeds.map(\.rawValue)): \(differences)")
    }

    /// What only one of the two stores has in the end.
    func differences(cutsOff: Bool) throws -> [String] {
        for _ in 0..<Int.random(in: 2...6, using: &random) {
            try work()
            honest += try author.publish()
            if Bool.random(using: &random) { try misbehave() }
        }
        if lies.isEmpty { try misbehave() }
        try deliver(cutsOff: cutsOff)
        for said in honest { try take(said, control) }
        if cutsOff { try cutOff(control) }
        for device in [hearing, control] { try settle(device) }
        let (heard, never) = (try seen(by: hearing), try seen(by: control))
        return heard.subtracting(never).map { "+ \($0)" }.sorted() + never.subtracting(heard).map { "- \($0)" }.sorted()
    }

    private func seen(by device: SyncTests.Device) throws -> Set<String> {
        // What was in use and is the culprit's goes to the trash with its bytes.
        let isInUse = misdeeds.contains(.squats)
        return try ShutOutTests.state(of: device).filter { line in
            !(line.hasPrefix("chunks") && (isInUse || !keepsAll) || line.hasPrefix("trash") && isInUse)
        }
    }

    // MARK: What is said

    private func work() throws {
        let live = try author.vault.adapters.all().map(\.name)
        let name = live.randomElement(using: &random) ?? "notes"
        switch Int.random(in: 0...9, using: &random) {
        case 0 where !live.isEmpty && !live.contains("letters"): try author.vault.adapters.rename(name, to: "letters")
        case 1 where try author.vault.versions.all(of: name).count > 1: try author.vault.adapters.rollback(name)
        case 2 where live.count > 1: try author.vault.adapters.trash(name)
        default:
            lastBytes += 1
            try author.add(lastBytes, to: Bool.random(using: &random) ? "notes" : "diary")
        }
    }

    private func misbehave() throws {
        let versions = honest.compactMap { said in
            if case .version(let packet) = said.1 { (said, packet) } else { nil }
        }
        guard let (said, packet) = versions.randomElement(using: &random),
            let misdeed = misdeeds.randomElement(using: &random)
        else { return }
        var parents = Bool.random(using: &random) ? [said.0.hash] : []
        var lie = packet
        let event: AdapterEvent
        switch misdeed {
        case .repeatsVersion:
            parents = said.2.parents
            event = .version(packet)
        case .retellsVersion:
            lie.parents = [digest()]
            lie.created = 1
            lie.lossAfter = 99
            event = .version(lie)
        case .claimsOtherBytes:
            lie.blob.id = digest()
            lie.blob.key = bytes(32)
            lie.blob.chunks = packet.blob.chunks.map { _ in digest() }
            event = .version(lie)
        case .claimsBlob:
            lie.id = digest()
            lie.number = 77
            lie.blob.key = bytes(32)
            lie.blob.chunks = packet.blob.chunks.map { _ in digest() }
            event = .version(lie)
        case .claimsBase:
            lie.base = TestStore.otherBase
            lie.id = digest()
            lie.blob.id = digest()
            lie.blob.chunks = packet.blob.chunks.map { _ in digest() }
            event = .version(lie)
        case .goesOn:
            lie.id = digest()
            lie.parents = [packet.id]
            lie.number = packet.number + 1
            lie.blob.id = digest()
            lie.blob.chunks = packet.blob.chunks.map { _ in digest() }
            event = .version(lie)
        case .takesName:
            lie.adapter = digest()
            lie.id = digest()
            lie.blob.id = digest()
            lie.blob.chunks = packet.blob.chunks.map { _ in digest() }
            parents = []
            event = .version(lie)
        case .squats: event = .version(try squat(on: packet))
        case .borrows:
            lie.id = digest()
            lie.adapter = digest()
            event = .version(lie)
        case .missums:
            lie.blob.digest = digest()
            event = .version(lie)
        case .renames: event = .name(adapter: packet.adapter, Bool.random(using: &random) ? "mine" : "diary")
        case .trashes: event = .trashed(adapter: packet.adapter, true)
        case .restores: event = .trashed(adapter: packet.adapter, false)
        case .movesHead: event = .head(adapter: packet.adapter, version: packet.id)
        case .releases: event = .release(versions: versions.map(\.1.id), entries: versions.map(\.0.0.hash).sorted())
        case .bombs:
            lie.id = digest()
            lie.blob.id = digest()
            lie.blob.chunks = (0..<900).map { _ in digest() }
            lie.blob.encodedSize = 900 << 20
            lie.blob.size = lie.blob.encodedSize
            lie.blob.codec = .stored
            if Bool.random(using: &random) {
                lie.manifest = String(repeating: "x", count: 50_000)
                lie.adapter = digest()
            }
            event = .version(lie)
        }
        try say(event, parents)
    }

    /// An honest version's ids with bytes that the culprit has.
    private func squat(on target: VersionPacket) throws -> VersionPacket {
        try bait.add(UInt8(100 + lies.count % 100), to: "bait-\(lies.count)")
        let published = try bait.publish().last?.1
        guard case .version(let own) = published else { return target }
        var packet = target
        switch Int.random(in: 0...2, using: &random) {
        case 0: packet.blob = own.blob
        case 1:
            packet.base = TestStore.otherBase
            packet.id = own.id
            packet.manifest = own.manifest
            packet.blob = own.blob
        default:
            packet.id = own.id
            packet.adapter = own.adapter
            packet.manifest = own.manifest
            packet.blob = own.blob
            packet.blob.id = target.blob.id
        }
        return packet
    }

    private func say(_ event: AdapterEvent, _ parents: [EntryHash]) throws {
        // Nobody holds a culprit to saying what time it is.
        let seq = UInt64(lies.count) + 1
        let newest = max(honest.map(\.2.lamport).max() ?? 0, lies.last?.2.lamport ?? 0)
        let lamport = Bool.random(using: &random) ? seq : newest + UInt64.random(in: 1...3, using: &random)
        let hash: EntryHash = digest()
        let entry = StoredEntry(
            hash: hash, device: Self.culprit, seq: seq,
            previous: lies.last?.0.hash ?? .zero, kind: 1, lamport: lamport,
            bytes: hash.bytes)
        lies.append(
            (
                entry, event,
                EntryContext(
                    entry: hash, device: Self.culprit, deviceName: "laptop", lamport: lamport, parents: parents)
            ))
    }

    private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) } }
    private func digest<Kind>() -> Identifier<Kind> { Identifier(bytes(Kind.byteCount))! }

    // MARK: Who hears it

    /// The two logs in any order, bytes at any time between, and at some moment the cut-off.
    private func deliver(cutsOff: Bool) throws {
        var (next, nextLie) = (0, 0)
        var isCutOff = false
        while next < honest.count || nextLie < lies.count && !isCutOff {
            if !isCutOff, nextLie < lies.count, next == honest.count || Bool.random(using: &random) {
                try take(lies[nextLie], hearing)
                nextLie += 1
            } else if next < honest.count {
                try take(honest[next], hearing)
                next += 1
            }
            if Int.random(in: 0...3, using: &random) == 0 { try fetch(hearing) }
            if cutsOff, nextLie > 0, Int.random(in: 0...9, using: &random) == 0 {
                try cutOff(hearing)
                isCutOff = true
            }
        }
        if cutsOff, !isCutOff { try cutOff(hearing) }
    }

    private func cutOff(_ device: SyncTests.Device) throws {
        let link = (hash: LinkHash.filled(2), bytes: [UInt8](arrayLiteral: 2))
        try device.vault.circle.replaceLinks(after: 1, with: [link], cutOffs: [Self.culprit: 0])
    }

    private func take(_ said: Said, _ device: SyncTests.Device) throws {
        try device.vault.entries.accept([said.0])
        _ = try device.vault.events.apply([(said.1, said.2)])
    }

    /// Some of the chunks that are wanted come: those that the author has, and the culprit gives what it likes.
    private func fetch(_ device: SyncTests.Device) throws {
        let any = honest.lazy.compactMap { said in
            if case .version(let packet) = said.1 { packet.blob.chunks.first } else { nil }
        }.compactMap { self.author.vault.blobs.chunkPath($0) }.first
        for id in try device.vault.blobs.wantedChunks(limit: 4) {
            let path = author.vault.blobs.chunkPath(id) ?? bait.vault.blobs.chunkPath(id)
            guard let path = path ?? (Bool.random(using: &random) ? any : nil) else { continue }
            try device.vault.blobs.storeChunk(id, Array(try Data(contentsOf: URL(filePath: path))))
        }
        try judge(device)
    }

    /// As the store's owner does: what gives its id is sound.
    private func judge(_ device: SyncTests.Device) throws {
        for version in try device.vault.blobs.arrivedVersions() {
            try device.vault.blobs.judge(version, isSound: (try? device.vault.versions.bytes(version.id)) != nil)
        }
    }

    /// Everything that is listed is wanted, and what the author has comes.
    private func settle(_ device: SyncTests.Device) throws {
        for adapter in try device.vault.adapters.all() { try device.vault.pins.set(adapter.name, .all) }
        for id in try device.vault.blobs.wantedChunks(limit: 100_000) {
            guard let path = author.vault.blobs.chunkPath(id) else { continue }
            try device.vault.blobs.storeChunk(id, Array(try Data(contentsOf: URL(filePath: path))))
        }
        try judge(device)
    }
}
