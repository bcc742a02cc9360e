// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Accepting what was received, as the rules of the log say.
extension SyncEngine {
    /// Accepts every received entry whose past is here, in an order that keeps causes before effects.
    mutating func drain(reading log: some SyncLogReading) throws {
        var accepted: [Entry] = []
        var moves = true
        while moves {
            moves = false
            for device in pulls.keys.sorted() {
                while let entry = pulls[device]?.first {
                    // Not judged again for nothing: that costs a signature each time.
                    if let absence = pulls[device]?.absence, rules.isAbsent(absence, in: known) { break }
                    let verdict = try rules.verdict(on: entry, in: known, reading: log)
                    guard verdict == .take || verdict == .exists else {
                        try leave(entry, verdict, reading: log)
                        break
                    }
                    pulls[device]?.next += 1
                    pulls[device]?.absence = nil
                    moves = true
                    if verdict == .exists { continue }
                    for contradiction in try rules.contradictions(in: entry, to: known, reading: log) {
                        try notice(contradiction, other: entry.bytes, fresh: accepted, reading: log)
                    }
                    known.take(entry)
                    if entry.device == self.device, ownMark?.seq ?? 0 <= entry.seq { ownMark = entry.position }
                    accepted.append(entry)
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
        settleWhatIsDecided()
        // What a relay gives it has with its chunks, by its author's doing; of the own log this device sees to it.
        if !options.isDirect { moveChunkMarks(over: accepted.filter { $0.device != device }) }
    }

    private mutating func leave(_ entry: Entry, _ verdict: Verdict, reading log: some SyncLogReading) throws {
        switch verdict {
        case .take, .exists: break
        case .waits(let absence): pulls[entry.device]?.absence = absence
        case .forks:
            try notice(
                Suspicion(.fork, by: entry.device, about: entry.device, seq: entry.seq), other: entry.bytes,
                reading: log)
            pulls[entry.device] = nil
            holdBack(entry.device)
        case .refuse(let refusal) where refusal.isSigned:
            pulls[entry.device] = nil
            holdBack(entry.device)
            blame(entry.device, refusal.reason)
        case .refuse(let refusal): giveUp(on: entry.device, refusal.reason)
        }
    }

    /// Tells what a device has signed, as long as it is in the circle: once it is shut out nobody has to do anything.
    mutating func blame(_ device: DeviceID, _ reason: String) {
        guard chain.devices[device]?.isActive == true else { return }
        report(.brokeRules(device, reason))
    }
}
