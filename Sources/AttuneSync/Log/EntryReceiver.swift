// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Takes the entries that another device of the circle pushes here, by the rules that count for pulling.
package enum EntryReceiver {
    /// Verifies and accepts entries; gives the outcome of each, in order.
    ///
    /// An entry that waits for something has a gap. Of a fork both halves are kept as evidence under `remote`.
    ///
    /// - Parameter chain: the device chain as the store has it.
    /// - Throws: the store's errors; then nothing was accepted.
    package static func take(
        _ pushed: [[UInt8]], from remote: String, chain: DeviceChain, into store: some SyncStore,
        by rules: some LogRules = CircleRules()
    ) throws -> [ProtoPushOutcome] {
        var logs = try KnownLogs(of: store, chain: chain)
        var accepted: [Entry] = []
        var found: [SyncEvidence] = []

        func note(_ suspicion: Suspicion, _ entry: Entry) throws {
            guard logs.open.insert(suspicion).inserted else { return }
            found.append(
                try logs.evidence(suspicion, other: entry.bytes, from: remote, fresh: accepted, reading: store))
        }

        func outcome(_ bytes: [UInt8]) throws -> ProtoPushOutcome {
            guard let entry = try? Entry(parsing: bytes) else { return .refused }
            switch try rules.verdict(on: entry, in: logs, reading: store) {
            case .take:
                for contradiction in try rules.contradictions(in: entry, to: logs, reading: store) {
                    try note(contradiction, entry)
                }
                logs.take(entry)
                accepted.append(entry)
                return .new
            case .exists: return .exists
            // Not a gap, which would be filled up and asked about again.
            case .waits(for: .decision): return .refused
            // Whoever pushes gives first what an entry names, so it has not come and will not.
            case .waits(let absence) where logs.letGo(of: absence): return try outcome(bytes)
            case .waits: return .gap
            case .forks:
                try note(Suspicion(.fork, by: entry.device, about: entry.device, seq: entry.seq), entry)
                return .fork
            case .refuse: return .refused
            }
        }

        let outcomes = try pushed.map(outcome)
        if !accepted.isEmpty { try store.accept(accepted) }
        for piece in found { try store.note(piece, by: remote) }
        let decided = rules.decided(in: logs)
        if !decided.isEmpty { try store.settle(decided) }
        return outcomes
    }
}

extension SyncStore {
    /// Keeps a piece of evidence and says so in the sync log.
    ///
    /// - Parameters:
    ///   - remoteName: the name for people of the remote that showed it.
    ///   - name: what people call a device.
    func note(
        _ evidence: SyncEvidence, by remoteName: String,
        naming name: (DeviceID) -> String = { "device \($0.fingerprint)" }
    ) throws {
        guard try record(evidence) else { return }
        try append(SyncLogLine(level: .alarm, remote: remoteName, text: evidence.suspicion.sentence(naming: name)))
    }
}
