// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What a device knows of its circle and of the logs in it: all that the rules look at.
package struct KnownLogs: Sendable {
    package internal(set) var chain: DeviceChain
    /// The newest accepted entry of each device that has one.
    package internal(set) var heads: [DeviceID: LogPosition]
    /// The largest lamport number of any accepted entry; 0 if there is none.
    package internal(set) var largestLamport: UInt64
    /// What is not settled.
    package internal(set) var open: Set<Suspicion>
    /// Up to which number the entries of a device hold up nobody else, being refused or not understood here.
    package internal(set) var heldBack: [DeviceID: UInt64] = [:]
    /// The newest number that the remote of this run shows of each log.
    package internal(set) var shown: [DeviceID: UInt64] = [:]
    /// Hashes of entries that were accepted just now.
    private var recent: [Place: EntryHash] = [:]

    private struct Place: Hashable, Sendable {
        let device: DeviceID
        let seq: UInt64
    }

    /// Hashes that are kept in memory.
    private static let recentLimit = 1 << 16

    package init(
        chain: DeviceChain, heads: [DeviceID: LogPosition] = [:], largestLamport: UInt64 = 0,
        open: Set<Suspicion> = []
    ) {
        self.chain = chain
        self.heads = heads
        self.largestLamport = largestLamport
        self.open = open
    }

    /// What a store has.
    ///
    /// - Parameter chain: the store's links, verified.
    package init(of store: some SyncStore, chain: DeviceChain) throws {
        self.init(
            chain: chain, heads: try store.heads(), largestLamport: try store.largestLamport(),
            open: Set(try store.evidence().filter { !$0.isSettled }.map(\.suspicion)))
    }

    /// Whether two signed entries have one place in the log of `device`.
    package func isForked(_ device: DeviceID) -> Bool { open.contains { $0.kind == .fork && $0.subject == device } }

    /// The first number in the log of `device` that two signed entries have.
    func firstFork(of device: DeviceID) -> UInt64? {
        open.lazy.filter { $0.kind == .fork && $0.subject == device }.map(\.seq).min()
    }

    /// Waits no longer for what only a device that was shut out could say, and what nobody here gives.
    ///
    /// - Returns: false if somebody else is waited for, or nothing changes by it.
    mutating func letGo(of absence: Absence) -> Bool {
        guard case .entry(let device, let seen) = absence, chain.devices[device]?.isActive == false,
            heldBack[device] ?? 0 < seen.seq
        else { return false }
        heldBack[device] = seen.seq
        return true
    }

    /// How long the log of `device` is by all that is known, for an entry that names its number `seq`.
    ///
    /// A device that was shut out may have filled its log beyond what counts, and others have named that in good faith.
    func extent(of device: DeviceID, naming seq: UInt64) -> UInt64 {
        let known = max(heads[device]?.seq ?? 0, shown[device] ?? 0)
        guard let revocation = chain.devices[device]?.revocation else { return known }
        return seq > revocation.lastSeq ? seq : max(known, revocation.lastSeq)
    }

    /// The hash of the accepted entry of `device` at `seq`.
    package func hash(of device: DeviceID, seq: UInt64, reading log: some SyncLogReading) throws -> EntryHash? {
        if let head = heads[device] {
            guard seq <= head.seq else { return nil }
            if head.seq == seq { return head.hash }
        }
        if let hash = recent[Place(device: device, seq: seq)] { return hash }
        return try log.entryHash(of: device, seq: seq)
    }

    /// The entry of `device` at `seq` as it is held; empty if it is not.
    package func entry(of device: DeviceID, seq: UInt64, reading log: some SyncLogReading) throws -> [UInt8] {
        guard seq >= 1, seq <= heads[device]?.seq ?? 0 else { return [] }
        return try log.entries(of: device, after: seq - 1, limit: 1, byteLimit: WireLimits.entryBytes).first ?? []
    }

    /// Makes an entry the newest of its log.
    package mutating func take(_ entry: Entry) {
        heads[entry.device] = entry.position
        largestLamport = max(largestLamport, entry.lamport)
        if recent.count > Self.recentLimit { recent = [:] }
        recent[Place(device: entry.device, seq: entry.seq)] = entry.hash
    }

    /// Goes over to another state of the chain.
    ///
    /// - Returns: for each device of which entries stop counting, the last seq that stays.
    mutating func adopt(_ next: DeviceChain, reading log: some SyncLogReading) throws -> [DeviceID: UInt64] {
        let cutOffs = try CutOffs.of(next, heads: &heads) { try log.entryHash(of: $0, seq: $1) }
        chain = next
        recent = [:]
        // The clock of what counts no more does not count either: the next entry no longer names it.
        if !cutOffs.isEmpty { largestLamport = try log.largestLamport(besides: cutOffs) }
        return cutOffs
    }

    /// Forgets the entries of a log after `last`; all of them if there is none.
    mutating func cutOff(_ device: DeviceID, after last: LogPosition?, reading log: some SyncLogReading) throws {
        heads[device] = last
        recent = [:]
        largestLamport = try log.largestLamport(besides: [device: last?.seq ?? 0])
    }

    /// A suspicion with the bytes that show it.
    ///
    /// - Parameters:
    ///   - other: the signed bytes that say otherwise than what is held.
    ///   - fresh: entries that were accepted and are not in the store yet.
    func evidence(
        _ suspicion: Suspicion, other: [UInt8], from remote: String, fresh: [Entry] = [],
        reading log: some SyncLogReading
    ) throws -> SyncEvidence {
        let (subject, seq) = (suspicion.subject, suspicion.seq)
        let held =
            try fresh.first { $0.device == subject && $0.seq == seq }?.bytes
            ?? entry(of: subject, seq: seq, reading: log)
        return SyncEvidence(suspicion, held: held, other: other, remote: remote)
    }
}
