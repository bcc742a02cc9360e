// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What is kept against a log, and what it means.
extension SyncEngine {
    /// Whether two signed entries have one place in the log of `device`.
    func isForked(_ device: DeviceID) -> Bool { known.isForked(device) }

    /// Keeps what was noticed, with the bytes that show it.
    mutating func notice(
        _ suspicion: Suspicion, other: [UInt8], fresh: [Entry] = [], reading log: some SyncLogReading
    ) throws {
        keep(try known.evidence(suspicion, other: other, from: remote, fresh: fresh, reading: log))
    }

    mutating func keep(_ evidence: SyncEvidence) {
        // Of whom was shut out the chain says what counts.
        guard !rules.isDecided(evidence.suspicion, in: known) else { return }
        noticed.insert(evidence.suspicion)
        if known.open.insert(evidence.suspicion).inserted { emit(.record(evidence)) }
    }

    mutating func settle(_ settled: Set<Suspicion>) {
        noticed.subtract(settled)
        guard !settled.isEmpty else { return }
        known.open.subtract(settled)
        emit(.settle(settled))
    }

    /// Settles what newer links and entries have decided.
    mutating func settleWhatIsDecided() { settle(rules.decided(in: known)) }

    /// Asks for the other half of what seems to be a fork.
    mutating func askForProof(of device: DeviceID, seq: UInt64) {
        pulls[device] = nil
        send(.entries(device, after: seq - 1, limit: 1), for: .forkProof(device, seq: seq))
    }

    mutating func takeProof(
        _ entries: [[UInt8]], of device: DeviceID, seq: UInt64, reading log: some SyncLogReading
    ) throws {
        holdBack(device)
        do {
            guard let bytes = entries.first else { throw SyncError.misbehaved(remoteName, "no entry") }
            let entry = try Entry(parsing: bytes)
            guard entry.device == device, entry.seq == seq else {
                throw SyncError.misbehaved(remoteName, "another entry")
            }
            switch try rules.verdict(on: entry, in: known, reading: log) {
            case .exists: doubt("it shows one entry \(seq) of device \(device.fingerprint) and names another")
            case .forks:
                try notice(Suspicion(.fork, by: device, about: device, seq: seq), other: bytes, reading: log)
            case .refuse(let refusal) where refusal.isSigned: blame(device, refusal.reason)
            case .refuse(let refusal): doubt(refusal.reason)
            case .take, .waits: break
            }
        } catch let error as any AttuneError where error is WireError || error is SyncError {
            doubt("it names another entry \(seq) of device \(device.fingerprint) and cannot show it")
        }
        try proofDone(reading: log)
    }

    mutating func proofDone(reading log: some SyncLogReading) throws {
        if phase != .pushing { return try continuePulling(reading: log) }
        if purposes.isEmpty { try pushNext(reading: log) }
    }
}
