// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Which of the received entries count, and when.
extension SyncEngine {
    /// What is to be done with the next entry of a log.
    private enum Verdict {
        case take
        /// Something that it names is not here yet.
        case wait
        case refuse(String)
    }

    /// Accepts every received entry whose past is here, in an order that keeps causes before effects.
    mutating func drain(reading log: some SyncLogReading) throws {
        var accepted: [Entry] = []
        var moves = true
        while moves {
            moves = false
            for device in pulls.keys.sorted() {
                while let entry = pulls[device]?.first {
                    switch try judge(entry, reading: log) {
                    case .take:
                        take(entry)
                        accepted.append(entry)
                        moves = true
                        continue
                    case .refuse(let reason): giveUp(on: device, reason)
                    case .wait: break
                    }
                    break
                }
            }
        }
        guard !accepted.isEmpty else { return }
        outcome.entriesTaken += accepted.count
        outcome.authors.formUnion(accepted.map(\.device))
        fruitlessRounds = 0
        needsApply = true
        backOff.reset()
        emit(.accept(accepted))
        // What a relay gives it has with its chunks, by its author's doing; of the own log this device sees to it.
        if !options.isDirect { moveChunkMarks(over: accepted.filter { $0.device != device }) }
    }

    private mutating func take(_ entry: Entry) {
        let head = entry.position
        heads[entry.device] = head
        largestLamport = max(largestLamport, entry.lamport)
        pulls[entry.device]?.next += 1
        if recent.count > 1 << 16 { recent = [:] }
        recent[RecentKey(device: entry.device, seq: entry.seq)] = entry.hash
        if entry.device == device, ownMark?.seq ?? 0 <= head.seq { ownMark = head }
        if open.contains(where: { $0.kind == .hidden && $0.device == entry.device && $0.seq <= entry.seq }) {
            settle(.hidden, of: entry.device)
        }
    }

    /// Cheap questions first; the signature comes last.
    private mutating func judge(_ entry: Entry, reading log: some SyncLogReading) throws -> Verdict {
        guard entry.circle == chain.circle else { return .refuse("an entry belongs to another circle") }
        let head = heads[entry.device]
        guard entry.seq == (head?.seq ?? 0) + 1 else { return .refuse("an entry is out of order") }
        if let head, entry.previous != head.hash { return .refuse("an entry does not follow on the one before") }
        guard try missing(for: entry, reading: log) == nil else { return .wait }
        let (limit, overflows) = largestLamport.addingReportingOverflow(WireLimits.lamportJump)
        guard overflows || entry.lamport <= limit else {
            return .refuse("the counter of an entry of device \(entry.device.fingerprint) jumps too far")
        }
        // A key epoch that begins with a link not seen yet: the next round brings it.
        guard entry.epoch <= chain.epoch else { return .wait }
        do {
            _ = try chain.author(of: entry)
            return .take
        } catch let error as WireError {
            return .refuse(error.message)
        }
    }

    /// The first place that the entry's frontier names and that is not here; contradictions are recorded on the way.
    mutating func missing(for entry: Entry, reading log: some SyncLogReading) throws -> (
        key: DeviceID, value: LogPosition
    )? {
        for (other, seen) in entry.frontier.sorted(by: { $0.key < $1.key }) {
            guard let member = chain.devices[other] else { return (other, seen) }
            if let revocation = member.revocation, seen.seq > revocation.lastSeq { continue }
            if isForked(other) { continue }
            if seen.seq > heads[other]?.seq ?? 0 {
                // Entries that were refused or held back hold up nobody else.
                if stalled.contains(other), remoteHeads[other]?.seq ?? 0 >= seen.seq { continue }
                return (other, seen)
            }
            guard try hash(of: other, seq: seen.seq, reading: log) != seen.hash else { continue }
            guard let author = chain.devices[entry.device],
                (try? entry.verify(signingKey: author.signingKey)) != nil
            else { continue }
            record(
                .contradiction, of: other, seq: seen.seq,
                held: try heldEntry(of: other, seq: seen.seq, reading: log), other: entry.bytes)
        }
        return nil
    }

    /// The hash of an accepted entry.
    func hash(of device: DeviceID, seq: UInt64, reading log: some SyncLogReading) throws -> Digest256? {
        if let head = heads[device], head.seq == seq { return head.hash }
        if let hash = recent[RecentKey(device: device, seq: seq)] { return hash }
        return try log.entryHash(of: device, seq: seq)
    }
}
