// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneWire
import Foundation
import Synchronization

/// A store in memory that loses what is not durable when the power fails, and that can be set back to a copy.
final class SimulatedStore: SyncStore {
    struct State: Sendable {
        var links: [Link] = []
        var chain: DeviceChain?
        var logs: [DeviceID: [Entry]] = [:]
        var drafts: [EntryDraft] = []
        var lastDraft: Int64 = 0
        var marks: [String: [DeviceID: LogPosition]] = [:]
        var chunkMarks: [String: ChunkMarks] = [:]
        var evidence: [SyncEvidence] = []
        var wanted: Set<ChunkID> = []
        /// What the entries say of adapters, and of which versions the bytes are wanted; nil for all.
        var shelf = SimulatedShelf()
        var pinned: Set<VersionID>? = []
        var chunks: Set<ChunkID> = []
        var settings = SyncSettings()
        var lines: [SyncLogLine] = []
        /// A device of the circle may say what is not so.
        var knowsCulprits = false

        mutating func offerAgain(before entry: Entry) {
            for (remote, marks) in chunkMarks where marks.logs[entry.device]?.seq ?? 0 >= entry.seq {
                let log = logs[entry.device] ?? []
                chunkMarks[remote]?.logs[entry.device] = entry.seq > 1 ? log[Int(entry.seq) - 2].position : nil
            }
        }
    }

    private struct Kept: Sendable {
        var now = State()
        var durable = State()
        /// The file beside the database.
        var ownMark: LogPosition?
        /// Calls that change something until the power fails; nil for never.
        var fuse: Int?
    }

    struct PowerFailure: Error {}

    /// Something that a store is never to be given.
    struct Inconsistency: Error {
        let what: String
    }

    let circle: CircleID
    let device: DeviceID
    private let kept: Mutex<Kept>

    /// Where the bytes of chunks are, for a store that syncs over a real socket; nil where ids are enough.
    let folder: String?

    init(device: DeviceID, links: [Link], folder: String? = nil) {
        self.device = device
        self.folder = folder
        circle = links[0].circle
        var kept = Kept()
        kept.now.links = links
        kept.now.chain = try? DeviceChain(verifying: links.map(\.bytes))
        kept.durable = kept.now
        self.kept = Mutex(kept)
    }

    var state: State { kept.withLock { $0.now } }

    // MARK: Faults

    /// From now on what was refused of a device may be missing under what others name of it.
    func admitCulprits() {
        kept.withLock {
            $0.now.knowsCulprits = true
            $0.durable.knowsCulprits = true
        }
    }

    /// The power fails at the `count`th change from now on.
    func light(fuse count: Int) { kept.withLock { $0.fuse = count } }

    func crash() {
        kept.withLock {
            $0.now = $0.durable
            $0.fuse = nil
        }
    }

    func backup() -> (state: State, ownMark: LogPosition?) { kept.withLock { ($0.durable, $0.ownMark) } }

    /// - Parameter whole: the file beside the database is set back too.
    func restore(_ backup: (state: State, ownMark: LogPosition?), whole: Bool) {
        kept.withLock {
            $0.now = backup.state
            $0.durable = backup.state
            if whole { $0.ownMark = backup.ownMark }
            $0.fuse = nil
        }
    }

    private func change<Value>(durably: Bool, _ body: (inout State) throws -> Value) throws -> Value {
        try kept.withLock { kept in
            if let fuse = kept.fuse {
                guard fuse > 0 else { throw PowerFailure() }
                kept.fuse = fuse - 1
            }
            let value = try body(&kept.now)
            if durably { kept.durable = kept.now }
            return value
        }
    }

    // MARK: Local use

    @discardableResult
    func draft(
        _ payload: [UInt8], kind: ProtoEntryKind, parents: [EntryHash] = [], chunks: [ChunkID] = []
    ) throws -> Int64 {
        try change(durably: true) { state in
            state.lastDraft += 1
            state.chunks.formUnion(chunks)
            state.drafts.append(
                EntryDraft(id: state.lastDraft, kind: kind, payload: payload, parents: parents, chunks: chunks))
            return state.lastDraft
        }
    }

    /// Of every version the bytes are wanted, from now on.
    func keepEverything() {
        kept.withLock {
            $0.now.pinned = nil
            $0.durable.pinned = nil
        }
    }

    func plant(_ fault: SimulatedShelf.Fault) {
        kept.withLock {
            $0.now.shelf.fault = fault
            $0.durable.shelf.fault = fault
        }
    }

    func pin(_ version: VersionID) throws { _ = try change(durably: true) { $0.pinned?.insert(version) } }

    func want(_ ids: [ChunkID]) throws { try change(durably: true) { $0.wanted.formUnion(ids) } }

    /// Does what the entries say; drafts that turn out to be published already are forgotten.
    func apply(_ open: (Entry) -> [UInt8]?) throws {
        try change(durably: false) { state in
            for (device, log) in state.logs { state.shelf.take(log, of: device, open) }
            guard !state.drafts.isEmpty else { return }
            let published = Set((state.logs[device] ?? []).compactMap(open).map(SimulatedPayload.tag))
            state.drafts.removeAll { published.contains(SimulatedPayload.tag(of: $0.payload)) }
        }
    }

    // MARK: SyncStore

    func links(after seq: UInt64, limit: Int) throws -> [[UInt8]] {
        state.links.filter { $0.seq > seq }.prefix(limit).map(\.bytes)
    }

    func replaceLinks(
        after seq: UInt64, with links: [Link], cutOffs: [DeviceID: UInt64]
    ) throws -> CutOffEffects {
        try change(durably: true) { state in
            state.links.removeAll { $0.seq > seq }
            state.links += links
            if var chain = state.chain, chain.seq == seq {
                for link in links { try chain.append(link) }
                state.chain = chain
            } else {
                state.chain = try DeviceChain(verifying: state.links.map(\.bytes))
            }
            for (device, last) in cutOffs {
                let dropped = Set((state.logs[device] ?? []).filter { $0.seq > last }.map(\.hash))
                state.logs[device]?.removeAll { $0.seq > last }
                state.shelf.drop(dropped, of: device, keeping: Int(last))
            }
        }
        return CutOffEffects()
    }

    func heads() throws -> [DeviceID: LogPosition] {
        state.logs.compactMapValues(\.last?.position)
    }

    func largestLamport(besides cutOffs: [DeviceID: UInt64]) throws -> UInt64 {
        let counted = state.logs.lazy.flatMap { device, log in log.prefix { $0.seq <= cutOffs[device] ?? .max } }
        return counted.map(\.lamport).max() ?? 0
    }

    func entryHash(of device: DeviceID, seq: UInt64) throws -> EntryHash? {
        let log = state.logs[device] ?? []
        return seq >= 1 && seq <= log.count ? log[Int(seq) - 1].hash : nil
    }

    func entries(of device: DeviceID, after seq: UInt64, limit: Int, byteLimit: Int) throws -> [[UInt8]] {
        var room = byteLimit
        let found = (state.logs[device] ?? []).dropFirst(Int(min(seq, 1 << 32))).prefix(limit).map(\.bytes)
        return Array(
            found.enumerated().prefix {
                room -= $0.element.count
                return $0.offset == 0 || room >= 0
            }.map(\.element))
    }

    func entry(_ hash: EntryHash) throws -> [UInt8]? {
        state.logs.values.lazy.joined().first { $0.hash == hash }?.bytes
    }

    func accept(_ entries: [Entry]) throws {
        try change(durably: true) { state in
            for entry in entries {
                var log = state.logs[entry.device] ?? []
                if log.contains(where: { $0.hash == entry.hash }) { continue }
                guard entry.seq == UInt64(log.count) + 1, log.last.map({ $0.hash == entry.previous }) ?? true else {
                    throw Inconsistency(what: "entry \(entry.seq) of \(entry.device) after \(log.count)")
                }
                for (other, seen) in entry.frontier where chainAllows(other, seen, state) {
                    guard state.logs[other]?.count ?? 0 >= seen.seq else {
                        throw Inconsistency(what: "entry \(entry.seq) of \(entry.device) came before its past")
                    }
                }
                log.append(entry)
                state.logs[entry.device] = log
            }
        }
    }

    private func chainAllows(_ device: DeviceID, _ seen: LogPosition, _ state: State) -> Bool {
        guard !state.knowsCulprits, let member = state.chain?.devices[device],
            !state.evidence.contains(where: { $0.suspicion.subject == device })
        else { return false }
        return seen.seq <= member.revocation?.lastSeq ?? .max
    }

    func draftCount() throws -> Int { state.drafts.count }

    func nextDraft() throws -> EntryDraft? { state.drafts.first }

    func publish(_ draft: Int64, as entry: Entry) throws {
        try change(durably: true) { state in
            guard let index = state.drafts.firstIndex(where: { $0.id == draft }) else { throw PowerFailure() }
            precondition(entry.seq == UInt64(state.logs[device]?.count ?? 0) + 1)
            state.drafts.remove(at: index)
            state.logs[device, default: []].append(entry)
        }
        kept.withLock { $0.ownMark = entry.position }
    }

    func ownMark() throws -> LogPosition? { kept.withLock { $0.ownMark } }

    func marks(of remote: String) throws -> [DeviceID: LogPosition] { state.marks[remote] ?? [:] }

    func setMarks(_ marks: [DeviceID: LogPosition], of remote: String) throws {
        guard marks.values.allSatisfy({ $0.seq >= 1 }) else { throw Inconsistency(what: "a mark of number 0") }
        try change(durably: false) { $0.marks[remote] = marks }
    }

    func chunkMarks(of remote: String) throws -> ChunkMarks { state.chunkMarks[remote] ?? ChunkMarks() }

    func setChunkMarks(_ marks: ChunkMarks, of remote: String) throws {
        try change(durably: false) { $0.chunkMarks[remote] = marks }
    }

    func record(_ evidence: SyncEvidence) throws -> Bool {
        try change(durably: true) { state in
            state.evidence.removeAll { $0.suspicion == evidence.suspicion && $0.remote == evidence.remote }
            guard state.evidence.count(where: { $0.suspicion.author == evidence.suspicion.author }) < 64 else {
                return false
            }
            state.evidence.append(evidence)
            return true
        }
    }

    func evidence() throws -> [SyncEvidence] { state.evidence }

    func settle(_ suspicions: Set<Suspicion>) throws {
        try change(durably: false) { state in
            state.evidence = state.evidence.map { old in
                guard suspicions.contains(old.suspicion) else { return old }
                return SyncEvidence(
                    old.suspicion, held: old.held, other: old.other, remote: old.remote, isSettled: true)
            }
        }
    }

    func wantedChunks(limit: Int) throws -> [ChunkID] {
        let state = state
        let pinned = state.shelf.wanted(state.pinned, besides: state.chunks.union(state.wanted))
        return Array((state.wanted.subtracting(state.chunks).sorted() + pinned).prefix(limit))
    }

    func missingChunks(among ids: [ChunkID]) throws -> [ChunkID] {
        let chunks = state.chunks
        return ids.filter { !chunks.contains($0) }
    }

    func storeChunk(_ id: ChunkID, bytes: [UInt8]) throws {
        if let folder { try Data(bytes).write(to: URL(filePath: "\(folder)/\(id)")) }
        try change(durably: false) { state in
            state.chunks.insert(id)
            for log in state.logs.values {
                for entry in log where entry.chunks.contains(id) { state.offerAgain(before: entry) }
            }
        }
    }

    func chunkPath(_ id: ChunkID) throws -> String? {
        state.chunks.contains(id) ? folder.map { "\($0)/\(id)" } : nil
    }

    func settings() throws -> SyncSettings { state.settings }

    func update(_ settings: SyncSettings) throws { try change(durably: true) { $0.settings = settings } }

    func append(_ line: SyncLogLine) throws {
        try change(durably: false) { state in
            state.lines.append(line)
            if state.lines.count > 100 { state.lines.removeFirst(50) }
        }
    }

    func yieldLock() {}
}
