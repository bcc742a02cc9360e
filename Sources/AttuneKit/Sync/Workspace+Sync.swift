// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire

/// Whom to sync with.
package enum SyncRemote: Sendable {
    /// A relay; nil for the one that the circle uses.
    case relay(String?)
    /// A device of the circle that serves on the local network.
    case direct(host: String, port: Int)
    /// Any device of the circle that mDNS shows.
    case nearby
}

extension Workspace {
    /// How often one sync goes back to an earlier version because a later one was refused.
    private static let refusedRounds = 8

    /// Syncs once.
    ///
    /// - Parameter progress: told of every step, from any thread.
    /// - Throws: `CircleError` E-DEVICE-001, `SyncError` E-SYNC-013 (paused), E-SYNC-014 (no relay), E-SYNC-071.
    package func sync(
        with remote: SyncRemote, progress: @escaping @Sendable (SyncStep) -> Void = { _ in }
    ) async throws -> SyncReport {
        let (keys, settings) = try await keysAndSettings()
        guard !settings.isPaused else { throw SyncError.paused }
        return try await sync(keys, settings, remote, progress: progress)
    }

    /// The keys of the circle as it is now, and how this device syncs.
    func keysAndSettings() async throws -> (keys: CircleKeys, settings: SyncSettings) {
        try await BlockingWork.run { [self] in (try CircleKeys(vault), try syncSettings()) }
    }

    func sync(
        _ keys: CircleKeys, _ settings: SyncSettings, _ remote: SyncRemote,
        progress: @escaping @Sendable (SyncStep) -> Void
    ) async throws -> SyncReport {
        try await connect(to: remote, keys, settings) { connection in
            var outcomes = [try await connection.session.run { progress(SyncStep($0)) }]
            // A device that serves publishes what it made itself once its log was compared with this one's.
            if connection.peer != nil, outcomes[0].isComplete {
                outcomes.append(try await connection.session.run { progress(SyncStep($0)) })
            }
            var inspection = Inspection()
            for _ in 0..<Self.refusedRounds {
                let found = try await BlockingWork.run { [self] in try inspectArrivals() }
                inspection.refused += found.refused
                inspection.postponed = found.postponed
                // The name went back to an earlier version, whose bytes may not be here.
                guard !found.refused.isEmpty, outcomes.last?.isComplete == true else { break }
                outcomes.append(try await connection.session.run { progress(SyncStep($0)) })
            }
            return try await report(outcomes, inspection, of: connection, isLogged: true)
        }
    }

    /// What runs of sync did; kept as a line of the sync log where `isLogged`.
    func report(
        _ outcomes: [SyncOutcome], _ inspection: Inspection, of connection: SyncConnection, isLogged: Bool
    ) async throws -> SyncReport {
        let (transport, peer) = (connection.transport, connection.peer)
        return try await BlockingWork.run { [vault] in
            defer { vault.yieldLock() }
            let report = SyncReport(
                remote: transport.remote, remoteName: transport.remoteName, outcomes: outcomes,
                conflicts: try vault.adapters.withSeveralHeads(),
                inspection: inspection)
            var heard = outcomes.reduce(into: Set<DeviceID>()) { $0.formUnion($1.authors) }
            if let peer, report.isComplete { heard.insert(peer) }
            try DeviceContacts.note(heard, by: peer == nil ? .relay : .direct, in: vault)
            if isLogged {
                try VaultSyncStore(vault).append(
                    SyncLogLine(
                        level: report.isComplete ? .info : .warning, remote: transport.remoteName,
                        text: report.summary + (report.isComplete ? "" : "; not complete")))
            }
            return report
        }
    }

    /// What this device shows on the local network, and the key hashes of the other devices, which it talks to there.
    package static func directIdentity(_ keys: CircleKeys) throws -> (DirectIdentity, members: [Digest256: DeviceID]) {
        let (circle, _) = try keys.current()
        guard let tls = try circle.keys.tlsIdentity() else { throw CircleError.damagedCircle }
        let members = circle.chain.active.filter { $0.id != circle.device }.compactMap { device in
            Digest256(device.record.tlsKeyHash).map { ($0, device.id) }
        }
        return (try DirectIdentity(tls), Dictionary(members, uniquingKeysWith: { first, _ in first }))
    }
}
