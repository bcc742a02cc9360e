// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Comparing heads, and pulling the entries that are not here.
extension SyncEngine {
    /// The log of one device on its way here.
    struct Pull: Sendable {
        /// The remote's head of it when the round began, or where it forked.
        var target: LogPosition
        /// Last entry received, or the head if there is none.
        var cursor: LogPosition?
        /// Received, checked for order, and not yet accepted, from `next` on.
        var buffer: [Entry] = []
        var next = 0
        /// What the first of them waits for.
        var absence: Absence?
        var isUnderWay = false
        /// Set while the log of a device that was shut out is only followed from its beginning, since it goes on otherwise
        /// than what is here: the newest entry that both have.
        var comparison: Comparison?

        struct Comparison: Sendable {
            var common: LogPosition?
        }

        var first: Entry? { next < buffer.count ? buffer[next] : nil }
        var wantsPage: Bool { first == nil && !isUnderWay && cursor?.seq ?? 0 < target.seq }
        var isDone: Bool { first == nil && !isUnderWay && !wantsPage }
    }

    /// Pages under way at once.
    static let parallelPages = 4
    /// Entries of a page: with 64 devices no more than a few thousand wait in memory.
    static let pageLimit = 128

    mutating func compareHeads(reading log: some SyncLogReading) throws {
        guard let frontier else { return }
        phase = .pulling
        remoteHeads = [:]
        for (device, shown) in frontier.heads.sorted(by: { $0.key < $1.key }) where shown.seq >= 1 {
            // A device that no link has added is nobody's: what a remote says of it does not matter.
            guard let member = chain.devices[device], !member.isPaper else { continue }
            var head = shown
            // At the cut-off only the entry that the revocation names counts, whatever else lies there.
            if let revocation = member.revocation, shown.seq >= revocation.lastSeq {
                guard let last = revocation.lastEntry else { continue }
                head = LogPosition(seq: revocation.lastSeq, hash: last)
            }
            remoteHeads[device] = head
        }
        known.shown = remoteHeads.mapValues(\.seq)
        compareMarks()
        for (device, head) in remoteHeads.sorted(by: { $0.key < $1.key }) {
            guard !stalled.contains(device), !isForked(device) else { continue }
            if head.seq > heads[device]?.seq ?? 0 {
                pulls[device] = Pull(target: head, cursor: heads[device])
            } else if try known.hash(of: device, seq: head.seq, reading: log) != head.hash {
                if chain.devices[device]?.isActive == true {
                    askForProof(of: device, seq: head.seq)
                } else if options.isDirect || heads[device]?.hash != chain.devices[device]?.revocation?.lastEntry {
                    unwelcome.insert(device)
                } else {
                    // It has the half of a log that does not count: of the other one it has nothing yet.
                    remoteHeads[device] = nil
                }
            }
        }
        // A device may be set back to a backup and then has less; what it lost it gets again. A relay may not.
        let fallenBack = options.isDirect ? [] : marksMissing
        for device in marks.keys.sorted() where fallenBack.contains(device) {
            guard let mark = marks[device] else { continue }
            try notice(Suspicion(.rollback, by: nil, about: device, seq: mark.seq), other: [], reading: log)
        }
        try continuePulling(reading: log)
    }

    /// Devices of which the remote shows less than it did.
    private var marksMissing: Set<DeviceID> {
        Set(
            marks.filter { device, mark in
                guard let member = chain.devices[device] else { return false }
                let counted = member.revocation.map { min($0.lastSeq, mark.seq) } ?? mark.seq
                return remoteHeads[device]?.seq ?? 0 < counted
            }.keys)
    }

    private mutating func compareMarks() {
        let missing = marksMissing
        let shownAgain = open.filter {
            $0.kind == .rollback && !missing.contains($0.subject) && $0.seq <= marks[$0.subject]?.seq ?? 0
        }
        if !shownAgain.isDisjoint(with: noticed) {
            let news =
                "\(remoteName) had lost what it had shown before, as after it was set back, and has it again now."
            emit(.log(.warning, news))
            outcome.news.append(news)
        }
        settle(shownAgain)
    }

    /// Whether the remote is to be asked what it has, since it was sent again what it had lost: done once a run, because
    /// only what it shows counts.
    mutating func asksForWhatWasLost() -> Bool {
        let missing = marksMissing
        guard !hasAskedAgain, noticed.contains(where: { $0.kind == .rollback && !missing.contains($0.subject) }) else {
            return false
        }
        hasAskedAgain = true
        return true
    }

    /// Asks for pages, takes what can be taken, and goes on when there is nothing left.
    mutating func continuePulling(reading log: some SyncLogReading) throws {
        try drain(reading: log)
        for device in pulls.keys.sorted() {
            guard pulls.values.count(where: \.isUnderWay) < Self.parallelPages else { break }
            guard let pull = pulls[device], pull.wantsPage else { continue }
            pulls[device]?.isUnderWay = true
            send(.entries(device, after: pull.cursor?.seq ?? 0, limit: Self.pageLimit), for: .page(device))
        }
        guard purposes.isEmpty else { return }
        pulls = pulls.filter { !$0.value.isDone }
        guard pulls.isEmpty else { return try unravel(reading: log) }
        try pulled(reading: log)
    }

    mutating func takePage(_ received: [[UInt8]], of device: DeviceID, reading log: some SyncLogReading) throws {
        guard var pull = pulls[device] else { return }
        pull.isUnderWay = false
        pull.buffer = []
        pull.next = 0
        pull.absence = nil
        if received.isEmpty, fruitlessRounds < 2 {
            // A device that serves its circle may have been set back since it showed its heads.
            fruitlessRounds += 1
            return beginRound()
        }
        if received.isEmpty || received.count > WireLimits.entriesPerPage {
            giveUp(on: device, "it promised entries of device \(device.fingerprint) and gave \(received.count)")
            return try continuePulling(reading: log)
        }
        let page = half(of: received.map { bytes in Result { try Entry(parsing: bytes) } }, by: device, &pull)
        if pull.comparison != nil { return try compare(page, of: device, pull, reading: log) }
        for result in page where pull.cursor?.seq ?? 0 < pull.target.seq {
            do {
                let entry = try result.get()
                guard entry.device == device, entry.seq == (pull.cursor?.seq ?? 0) + 1 else {
                    giveUp(on: device, "it gave other entries than those asked for")
                    return try continuePulling(reading: log)
                }
                if let cursor = pull.cursor, entry.previous != cursor.hash {
                    // Inside a page the order is the remote's lie; at its start the log may have forked.
                    if pull.buffer.isEmpty, cursor == heads[device], chain.devices[device]?.isActive == false {
                        pull.cursor = nil
                        pull.comparison = Pull.Comparison()
                        pulls[device] = pull
                    } else if pull.buffer.isEmpty, cursor == heads[device] {
                        askForProof(of: device, seq: cursor.seq)
                    } else {
                        giveUp(on: device, "its entries of device \(device.fingerprint) do not follow on each other")
                    }
                    return try continuePulling(reading: log)
                }
                pull.buffer.append(entry)
                pull.cursor = entry.position
            } catch let error as WireError {
                guard pull.buffer.isEmpty else { break }
                if error.kind == .unknownVersion {
                    pulls[device] = nil
                    holdBack(device)
                    report(.newerEntries(device))
                } else {
                    giveUp(on: device, error.message)
                }
                return try continuePulling(reading: log)
            }
        }
        pulls[device] = pull
        try continuePulling(reading: log)
    }

    /// Follows the log of a device that was shut out up to the entry that its revocation names, by hashes alone.
    ///
    /// Where it leads there, what is held beyond the last common entry is the half that does not count, and goes.
    private mutating func compare(
        _ page: [Result<Entry, any Error>], of device: DeviceID, _ followed: Pull, reading log: some SyncLogReading
    ) throws {
        var pull = followed
        for result in page where pull.cursor?.seq ?? 0 < pull.target.seq {
            guard let entry = try? result.get(), entry.device == device, entry.seq == (pull.cursor?.seq ?? 0) + 1,
                entry.previous == pull.cursor?.hash ?? .zero
            else {
                giveUp(on: device, "its entries of device \(device.fingerprint) do not follow on each other")
                return try continuePulling(reading: log)
            }
            pull.cursor = entry.position
            if try known.hash(of: device, seq: entry.seq, reading: log) == entry.hash {
                pull.comparison?.common = entry.position
            }
        }
        if pull.cursor == pull.target {
            if pull.target.hash == chain.devices[device]?.revocation?.lastEntry {
                let common = pull.comparison?.common
                try known.cutOff(device, after: common, reading: log)
                replaceLinks(after: chain.seq, [], cutOffs: [device: common?.seq ?? 0])
                pull = Pull(target: pull.target, cursor: common)
            } else {
                // Which half counts is not shown yet.
                pulls[device] = nil
                holdBack(device)
                return try continuePulling(reading: log)
            }
        }
        pulls[device] = pull
        try continuePulling(reading: log)
    }

    /// Of a page in which a place has two entries, as a relay keeps a fork, the half that leads to the pull's target.
    ///
    /// The fork of an active device is recorded, and its log is pulled up to there.
    private mutating func half(
        of page: [Result<Entry, any Error>], by device: DeviceID, _ pull: inout Pull
    ) -> [Result<Entry, any Error>] {
        let entries = page.compactMap { try? $0.get() }
        let places = Dictionary(grouping: entries, by: \.seq)
        guard places.count < entries.count, entries.count == page.count, entries.allSatisfy({ $0.device == device }),
            let member = chain.devices[device]
        else { return page }
        var path: [Entry] = []
        var last = pull.target.hash
        for entry in entries.reversed() where entry.hash == last {
            path.append(entry)
            last = entry.previous
        }
        path.reverse()
        if path.isEmpty {
            // The target lies further on: the half that came first.
            last = pull.cursor?.hash ?? .zero
            for entry in entries where entry.previous == last {
                path.append(entry)
                last = entry.hash
            }
        }
        guard !path.isEmpty else { return page }
        for entry in path where member.isActive {
            let other = places[entry.seq]?.first { $0.hash != entry.hash && $0.previous == entry.previous }
            guard let other, [entry, other].allSatisfy({ (try? $0.verify(signingKey: member.signingKey)) != nil })
            else {
                continue
            }
            keep(
                SyncEvidence(
                    Suspicion(.fork, by: device, about: device, seq: entry.seq), held: entry.bytes,
                    other: other.bytes, remote: remote))
            pull.target = entry.position
            break
        }
        return path.map { .success($0) }
    }

    /// Entries of this device are not pulled again in this run, and hold up nobody who names them.
    mutating func holdBack(_ device: DeviceID) {
        stalled.insert(device)
        known.heldBack[device] = max(known.heldBack[device] ?? 0, remoteHeads[device]?.seq ?? 0)
    }

    mutating func giveUp(on device: DeviceID, _ reason: String) {
        pulls[device] = nil
        holdBack(device)
        doubt(reason)
    }

    /// Nothing moves any more: what is waited for is asked for once more, and then counts as hidden.
    private mutating func unravel(reading log: some SyncLogReading) throws {
        let waiting = pulls.values.compactMap(\.first).sorted { $0.device < $1.device }
        fruitlessRounds += 1
        if fruitlessRounds <= 2 { return beginRound() }
        // Whoever waits for one that is freed now is judged only after that one has moved.
        var isFreed = false
        for entry in waiting {
            guard case .waits(let absence) = try rules.verdict(on: entry, in: known, reading: log) else { continue }
            if known.letGo(of: absence) { isFreed = true }
        }
        if isFreed { return try continuePulling(reading: log) }
        for entry in waiting {
            guard let member = chain.devices[entry.device],
                (try? entry.verify(signingKey: member.signingKey)) != nil
            else {
                giveUp(on: entry.device, "the signature of an entry is wrong")
                continue
            }
            switch try rules.verdict(on: entry, in: known, reading: log) {
            case .waits(for: .entry(let other, let seen)):
                // Two devices whose entries wait for each other's would not both be hidden; the one with more is.
                if remoteHeads[other]?.seq ?? 0 < seen.seq || chain.devices[other] == nil {
                    keep(
                        SyncEvidence(
                            Suspicion(.hidden, by: entry.device, about: other, seq: seen.seq), held: [],
                            other: entry.bytes, remote: remote))
                } else if !stalled.contains(other), pulls[other] == nil {
                    doubt("an entry names one that the remote does not give")
                }
            case .waits(for: .epoch):
                doubt("an entry of device \(entry.device.fingerprint) is of a key epoch that no link has begun")
            default: break
            }
            holdBack(entry.device)
        }
        pulls = [:]
        try pulled(reading: log)
    }

    /// All that can be had is here.
    private mutating func pulled(reading log: some SyncLogReading) throws {
        if !isForked(device), heads[device]?.seq ?? 0 >= remoteHeads[device]?.seq ?? 0 { ownCompared = true }
        keepMarks()
        guard needsApply else { return try publishNext(reading: log) }
        needsApply = false
        phase = .applying
        emit(.applyEntries)
    }

    /// What the remote has shown, as far as it is held here.
    mutating func keepMarks() {
        let before = marks
        for (device, shown) in remoteHeads where !isForked(device) {
            guard let held = heads[device] else { continue }
            let common = shown.seq <= held.seq ? shown : held
            if common.seq > marks[device]?.seq ?? 0, !stalled.contains(device) || common == held {
                marks[device] = common
            }
        }
        for (device, mark) in marks {
            guard let revocation = chain.devices[device]?.revocation, revocation.lastSeq < mark.seq else { continue }
            marks[device] = revocation.lastEntry.map { LogPosition(seq: revocation.lastSeq, hash: $0) }
        }
        if marks != before { emit(.setMarks(marks)) }
    }
}
