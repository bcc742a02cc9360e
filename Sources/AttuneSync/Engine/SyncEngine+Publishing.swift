// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Giving drafts their places in the own log.
extension SyncEngine {
    mutating func publishNext(reading log: some SyncLogReading) throws {
        if let error = publishingProblem {
            if !outcome.problems.contains(where: { $0.code == error.code }) {
                outcome.problems.append(error)
                emit(.log(.alarm, error.message))
            }
            return try pushNext(reading: log)
        }
        guard ownCompared else { return try pushNext(reading: log) }
        askToPublish()
    }

    mutating func askToPublish() {
        phase = .publishing
        let head = heads[device]
        var others = heads.filter { $0.key != device }
        if others.count > WireLimits.frontier { others = others.filter { chain.devices[$0.key]?.isActive == true } }
        emit(
            .publishNext(
                EntryPlace(
                    circle: chain.circle, device: device, seq: (head?.seq ?? 0) + 1, previous: head?.hash ?? .zero,
                    epoch: chain.epoch, lamport: largestLamport + 1, frontier: others)))
    }

    mutating func published(_ entry: Entry?, reading log: some SyncLogReading) throws {
        guard let entry else {
            // Only the deliberate fault publishes before it has asked for a frontier.
            return frontier == nil ? beginRound() : try pushNext(reading: log)
        }
        let head = entry.position
        heads[device] = head
        ownMark = head
        largestLamport = max(largestLamport, entry.lamport)
        outcome.entriesPublished += 1
        try publishNext(reading: log)
    }

    /// Why this device must not publish.
    private var publishingProblem: SyncError? {
        if isForked(device) { return .ownLogForked }
        if let ownMark, ownMark.seq > heads[device]?.seq ?? 0 { return .ownLogLost }
        if largestLamport >= WireLimits.counter { return .misbehaved(remote, "the circle's counter is at its end") }
        return nil
    }
}

extension Digest256 {
    /// What stands for the entry before the first one.
    static let zero: Digest256 = {
        guard let zero = Digest256([UInt8](repeating: 0, count: 32)) else { preconditionFailure("32 bytes") }
        return zero
    }()
}
