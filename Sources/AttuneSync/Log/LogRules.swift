// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What is to be done with an entry that somebody gives, by pulling or by pushing.
package enum Verdict: Hashable, Sendable {
    /// It is the next one of its log.
    case take
    /// This very entry is here already.
    case exists
    /// Something that it follows or names is not here yet.
    case waits(for: Absence)
    /// Another entry of the same device, signed like this one, has its place.
    case forks
    /// It cannot count, whatever comes.
    case refuse(Refusal)
}

/// What an entry waits for.
package enum Absence: Hashable, Sendable {
    /// The entry before it in its own log.
    case predecessor
    /// An entry of another device.
    case entry(DeviceID, LogPosition)
    /// The link that begins its key epoch.
    case epoch(UInt32)
    /// A revocation that says which half of its forked log counts.
    case decision
}

/// Why an entry does not count, and whose doing that is.
package struct Refusal: Hashable, Sendable {
    package let reason: String
    /// True if its author signed it as it is; false if whoever gave it may have made it up.
    package let isSigned: Bool

    package init(reason: String, isSigned: Bool) {
        self.reason = reason
        self.isSigned = isSigned
    }
}

/// The rules of the circle's log: which entries count, which place a draft gets, and when a suspicion is decided.
///
/// Pulling, serving and publishing ask the same ones. Every rule can be replaced, so that tests show what each is for.
package protocol LogRules: Sendable {
    /// What is to be done with an entry.
    func verdict(on entry: Entry, in logs: KnownLogs, reading log: some SyncLogReading) throws -> Verdict
    /// Where an entry that is taken names other entries than those that are here.
    func contradictions(in entry: Entry, to logs: KnownLogs, reading log: some SyncLogReading) throws -> [Suspicion]
    /// Whether an entry may name number `seq` of a log of which `known` is the newest here.
    func reaches(_ seq: UInt64, from known: UInt64) -> Bool
    /// Whether nothing of a suspicion is left to find out or to decide.
    func isDecided(_ suspicion: Suspicion, in logs: KnownLogs) -> Bool
    /// Whether a device compares its own log with a remote's before it gives a draft its place.
    var comparesFirst: Bool { get }
    /// The next place in the log of `device`.
    func nextPlace(of device: DeviceID, in logs: KnownLogs, ownMark: LogPosition?) throws -> EntryPlace
}

/// The rules that count.
package struct CircleRules: LogRules {
    package init() {}
}

extension LogRules {
    package func verdict(on entry: Entry, in logs: KnownLogs, reading log: some SyncLogReading) throws -> Verdict {
        guard entry.circle == logs.chain.circle else { return .refuse(.made("an entry belongs to another circle")) }
        guard let member = logs.chain.devices[entry.device], !member.isPaper else {
            return .refuse(.made("an entry of a device that is not in the circle"))
        }
        let head = logs.heads[entry.device]
        let isBehind = entry.seq <= head?.seq ?? 0
        if isBehind, try logs.hash(of: entry.device, seq: entry.seq, reading: log) == entry.hash { return .exists }
        guard (try? entry.verify(signingKey: member.signingKey)) != nil else {
            return .refuse(.made("the signature of an entry is wrong"))
        }
        // What its author signed is its author's doing from here on.
        func refuse(_ reason: String) -> Verdict { .refuse(Refusal(reason: reason, isSigned: true)) }
        if let revocation = member.revocation {
            let isCounted =
                entry.seq < revocation.lastSeq || entry.seq == revocation.lastSeq && entry.hash == revocation.lastEntry
            guard isCounted, !isBehind else { return refuse("an entry that its author's revocation does not count") }
        }
        if let fork = logs.firstFork(of: entry.device), entry.seq > fork { return .waits(for: .decision) }
        if isBehind { return .forks }
        for (other, seen) in entry.frontier where !reaches(seen.seq, from: logs.extent(of: other, naming: seen.seq)) {
            return refuse("an entry names number \(seen.seq) of device \(other.fingerprint), beyond all that is known")
        }
        guard entry.seq == (head?.seq ?? 0) + 1, entry.previous == head?.hash ?? .zero else {
            return .waits(for: .predecessor)
        }
        if let (other, seen) = absent(from: entry.frontier, in: logs) { return .waits(for: .entry(other, seen)) }
        guard entry.epoch <= logs.chain.epoch else { return .waits(for: .epoch(entry.epoch)) }
        guard entry.lamport <= largestLamport(after: entry.frontier, in: logs) else {
            return refuse("the counter of an entry jumps too far")
        }
        return .take
    }

    /// How far an entry with this frontier may set the counter, everything here that it has to name.
    ///
    /// What it names and nobody waits for, such as entries that a revocation has made void since, its author has counted
    /// on: each of them may have gone as far as one may.
    private func largestLamport(after frontier: [DeviceID: LogPosition], in logs: KnownLogs) -> UInt64 {
        let unseen = frontier.reduce(UInt64(0)) { sum, seen in
            sum + min(seen.value.seq - min(seen.value.seq, logs.heads[seen.key]?.seq ?? 0), WireLimits.lamportJump)
        }
        let jump = WireLimits.lamportJump * (1 + min(unseen, WireLimits.lamportJump))
        return min(logs.largestLamport, WireLimits.counter) + jump
    }

    /// The first place of a frontier that is not here and that has to be.
    private func absent(
        from frontier: [DeviceID: LogPosition], in logs: KnownLogs
    ) -> (DeviceID, LogPosition)? {
        for (other, seen) in frontier.sorted(by: { $0.key < $1.key }) {
            if isAbsent(other, seen, in: logs) { return (other, seen) }
        }
        return nil
    }

    private func isAbsent(_ device: DeviceID, _ seen: LogPosition, in logs: KnownLogs) -> Bool {
        guard let member = logs.chain.devices[device] else { return true }
        if let revocation = member.revocation, seen.seq > revocation.lastSeq { return false }
        if logs.isForked(device) || logs.heldBack[device] ?? 0 >= seen.seq { return false }
        return seen.seq > logs.heads[device]?.seq ?? 0
    }

    /// Whether what an entry waited for has still not come.
    func isAbsent(_ absence: Absence, in logs: KnownLogs) -> Bool {
        switch absence {
        case .entry(let device, let seen): isAbsent(device, seen, in: logs)
        case .epoch(let epoch): epoch > logs.chain.epoch
        case .predecessor, .decision: false
        }
    }

    package func contradictions(
        in entry: Entry, to logs: KnownLogs, reading log: some SyncLogReading
    ) throws -> [Suspicion] {
        try entry.frontier.sorted { $0.key < $1.key }.compactMap { other, seen in
            // Of a device that was shut out its revocation says which entries count.
            guard logs.chain.devices[other]?.isActive == true, !logs.isForked(other),
                seen.seq <= logs.heads[other]?.seq ?? 0,
                let held = try logs.hash(of: other, seq: seen.seq, reading: log), held != seen.hash
            else { return nil }
            return Suspicion(.contradiction, by: entry.device, about: other, seq: seen.seq)
        }
    }

    package func reaches(_ seq: UInt64, from known: UInt64) -> Bool {
        let (limit, overflows) = known.addingReportingOverflow(WireLimits.lamportJump)
        return overflows || seq <= limit
    }

    package func isDecided(_ suspicion: Suspicion, in logs: KnownLogs) -> Bool {
        func isOut(_ device: DeviceID) -> Bool { logs.chain.devices[device]?.isActive != true }
        // A word of somebody who was shut out is worth nothing, and of whom it is about the revocation decides.
        if suspicion.author.map(isOut) == true || isOut(suspicion.subject) { return true }
        return suspicion.kind == .hidden && logs.heads[suspicion.subject]?.seq ?? 0 >= suspicion.seq
    }

    package var comparesFirst: Bool { true }

    package func nextPlace(of device: DeviceID, in logs: KnownLogs, ownMark: LogPosition?) throws -> EntryPlace {
        if logs.isForked(device) { throw SyncError.ownLogForked }
        let head = logs.heads[device]
        // A store that was set back waits for the entries that it published before.
        if let ownMark, ownMark.seq > head?.seq ?? 0 { throw SyncError.ownLogLost }
        guard logs.largestLamport < WireLimits.counter else {
            throw SyncError.misbehaved("the circle", "its counter is at its end")
        }
        var others = logs.heads.filter { $0.key != device }
        if others.count > WireLimits.frontier {
            others = others.filter { logs.chain.devices[$0.key]?.isActive == true }
        }
        return EntryPlace(
            circle: logs.chain.circle, device: device, seq: (head?.seq ?? 0) + 1, previous: head?.hash ?? .zero,
            epoch: logs.chain.epoch, lamport: logs.largestLamport + 1, frontier: others)
    }

    /// The open suspicions that are decided with what is known.
    func decided(in logs: KnownLogs) -> Set<Suspicion> { logs.open.filter { isDecided($0, in: logs) } }
}

extension Refusal {
    /// A refusal that says nothing about the device that is named as its author.
    static func made(_ reason: String) -> Refusal { Refusal(reason: reason, isSigned: false) }
}
