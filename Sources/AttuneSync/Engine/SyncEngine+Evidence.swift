// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What is kept against a log, and what it means.
extension SyncEngine {
    /// Whether two signed entries have one place in the log of `device`.
    func isForked(_ device: DeviceID) -> Bool { open.contains { $0.kind == .fork && $0.device == device } }

    mutating func record(
        _ kind: SyncEvidence.Kind, of device: DeviceID, seq: UInt64, held: [UInt8], other: [UInt8]
    ) {
        let suspicion = Suspicion(kind: kind, device: device, seq: seq)
        guard open.insert(suspicion).inserted else { return }
        emit(.record(SyncEvidence(kind: kind, device: device, seq: seq, held: held, other: other, remote: remote)))
        emit(.log(.alarm, Self.describe(suspicion)))
    }

    mutating func settle(_ kind: SyncEvidence.Kind?, of device: DeviceID) {
        let settled = open.filter { $0.device == device && (kind == nil || $0.kind == kind) }
        guard !settled.isEmpty else { return }
        open.subtract(settled)
        emit(.settle(kind, device))
    }

    static func describe(_ suspicion: Suspicion) -> String {
        let device = suspicion.device.fingerprint
        return switch suspicion.kind {
        case .fork: "two entries of device \(device) have number \(suspicion.seq)"
        case .rollback: "a remote no longer shows entry \(suspicion.seq) of device \(device)"
        case .hidden: "a remote hides entry \(suspicion.seq) of device \(device), which another device has seen"
        case .contradiction: "another device has seen another entry \(suspicion.seq) of device \(device)"
        case .linkFork: "the circle was changed on two devices at once, at link \(suspicion.seq)"
        }
    }

    /// The entry of `device` at `seq` as it is held; empty if it is not.
    func heldEntry(of device: DeviceID, seq: UInt64, reading log: some SyncLogReading) throws -> [UInt8] {
        guard seq >= 1, seq <= heads[device]?.seq ?? 0 else { return [] }
        return try log.entries(of: device, after: seq - 1, limit: 1, byteLimit: WireLimits.entryBytes).first ?? []
    }

    /// Asks for the other half of what seems to be a fork.
    mutating func askForProof(of device: DeviceID, seq: UInt64) {
        pulls[device] = nil
        send(.entries(device, after: seq - 1, limit: 1), for: .forkProof(device, seq: seq))
    }

    mutating func takeProof(
        _ entries: [[UInt8]], of device: DeviceID, seq: UInt64, reading log: some SyncLogReading
    ) throws {
        stalled.insert(device)
        do {
            guard let bytes = entries.first else { throw SyncError.misbehaved(remote, "no entry") }
            let entry = try Entry(parsing: bytes)
            guard entry.device == device, entry.seq == seq else { throw SyncError.misbehaved(remote, "another entry") }
            guard let member = chain.devices[device], entry.circle == chain.circle else {
                throw SyncError.misbehaved(remote, "another circle")
            }
            try entry.verify(signingKey: member.signingKey)
            if try hash(of: device, seq: seq, reading: log) == entry.hash {
                doubt("it shows one entry \(seq) of device \(device.fingerprint) and names another")
            } else {
                record(
                    .fork, of: device, seq: seq, held: try heldEntry(of: device, seq: seq, reading: log), other: bytes)
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
