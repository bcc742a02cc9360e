// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Takes the entries that another device of the circle pushes here, by the rules that the engine has for pulling.
package enum EntryReceiver {
    /// Verifies and accepts entries; gives the outcome of each, in order.
    ///
    /// An entry whose past is not here has a gap. Of a fork both halves are kept as evidence under `remote`.
    ///
    /// - Parameter chain: the device chain as the store has it.
    /// - Throws: the store's errors; then nothing was accepted.
    package static func take(
        _ pushed: [[UInt8]], from remote: String, chain: DeviceChain, into store: some SyncStore
    ) throws -> [ProtoPushOutcome] {
        var heads = try store.heads()
        var lamport = try store.largestLamport()
        let forked = Set(try store.evidence().filter { $0.kind == .fork && !$0.isSettled }.map(\.device))
        var fresh: [DeviceID: [UInt64: Digest256]] = [:]
        var accepted: [Entry] = []

        func hash(of device: DeviceID, _ seq: UInt64) throws -> Digest256? {
            try fresh[device]?[seq] ?? store.entryHash(of: device, seq: seq)
        }

        func isMissing(_ device: DeviceID, _ seen: LogPosition) throws -> Bool {
            guard let member = chain.devices[device] else { return true }
            if let revocation = member.revocation, seen.seq > revocation.lastSeq { return false }
            return !forked.contains(device) && seen.seq > heads[device]?.seq ?? 0
        }

        func judge(_ bytes: [UInt8]) throws -> ProtoPushOutcome {
            guard let entry = try? Entry(parsing: bytes), (try? chain.author(of: entry)) != nil else { return .refused }
            let head = heads[entry.device]
            if entry.seq <= head?.seq ?? 0 {
                if try hash(of: entry.device, entry.seq) == entry.hash { return .exists }
                try recordFork(entry)
                return .fork
            }
            guard entry.seq == (head?.seq ?? 0) + 1 else { return .gap }
            // The fork is further back: the other device finds it when it compares heads.
            if let head, head.hash != entry.previous { return .gap }
            guard try !entry.frontier.contains(where: { try isMissing($0.key, $0.value) }) else { return .gap }
            let (limit, overflows) = lamport.addingReportingOverflow(WireLimits.lamportJump)
            guard overflows || entry.lamport <= limit else { return .refused }
            for (other, seen) in entry.frontier where seen.seq <= heads[other]?.seq ?? 0 && !forked.contains(other) {
                guard let held = try hash(of: other, seen.seq), held != seen.hash,
                    chain.devices[other]?.revocation == nil
                else { continue }
                try store.record(
                    SyncEvidence(
                        kind: .contradiction, device: other, seq: seen.seq, held: try store.entry(held) ?? [],
                        other: bytes, remote: remote))
                try note(.contradiction, of: other, seq: seen.seq)
            }
            heads[entry.device] = entry.position
            fresh[entry.device, default: [:]][entry.seq] = entry.hash
            lamport = max(lamport, entry.lamport)
            accepted.append(entry)
            return .new
        }

        func note(_ kind: SyncEvidence.Kind, of device: DeviceID, seq: UInt64) throws {
            let suspicion = SyncEngine.Suspicion(kind: kind, device: device, seq: seq)
            try store.append(SyncLogLine(level: .alarm, remote: remote, text: SyncEngine.describe(suspicion)))
        }

        func recordFork(_ entry: Entry) throws {
            let held = try store.entries(
                of: entry.device, after: entry.seq - 1, limit: 1, byteLimit: WireLimits.entryBytes)
            try store.record(
                SyncEvidence(
                    kind: .fork, device: entry.device, seq: entry.seq, held: held.first ?? [], other: entry.bytes,
                    remote: remote))
            if !forked.contains(entry.device) { try note(.fork, of: entry.device, seq: entry.seq) }
        }

        let outcomes = try pushed.map { try judge($0) }
        if !accepted.isEmpty { try store.accept(accepted) }
        return outcomes
    }
}
