// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
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
}

extension Workspace {
    /// How often one sync goes back to an earlier version because a later one was refused.
    private static let refusedRounds = 8

    /// Syncs once.
    ///
    /// - Parameter progress: told of every step, from any thread.
    /// - Throws: `KitError` E-DEVICE-001, `SyncError` E-SYNC-013 (paused), E-SYNC-014 (no relay), E-SYNC-071.
    package func sync(
        with remote: SyncRemote, progress: @escaping @Sendable (SyncProgress) -> Void = { _ in }
    ) async throws -> SyncReport {
        let (keys, settings) = try await Blocking.run { [self] in (try CircleKeys(vault), try syncSettings()) }
        guard !settings.isPaused else { throw SyncError.paused }
        switch remote {
        case .relay(let given):
            guard let text = given ?? settings.relay else { throw SyncError.noRelay }
            guard let address = RemoteAddress(text) else { throw KitError.notAnAddress(text) }
            return try await RemoteCircle.withClient { client in
                try await run(keys, settings, address: address, name: nil, client: client, progress: progress)
            }
        case .direct(let host, let port):
            let (identity, members) = try await Blocking.run { try Self.directIdentity(keys) }
            let certificate = try await DirectPeer.certificate(host: host, port: port, identity: identity) {
                members[$0] != nil
            }
            let shown = host.contains(":") ? "[\(host)]" : host
            guard let address = RemoteAddress("https://\(shown):\(port)"),
                let peer = DirectIdentity.keyHash(of: certificate).flatMap({ members[$0] })
            else { throw KitError.notAnAddress(host) }
            let client = HTTPTransport.makeClient(tls: identity.client(trusting: certificate))
            return try await RemoteCircle.withClient(client) { client in
                try await run(
                    keys, settings, address: address, name: "device \(peer)", client: client, progress: progress)
            }
        }
    }

    /// What this device shows on the local network, and the key hashes of the devices that it talks to there.
    package static func directIdentity(_ keys: CircleKeys) throws -> (DirectIdentity, members: [Digest256: DeviceID]) {
        let (circle, _) = try keys.current()
        guard let tls = try circle.keys.tlsIdentity() else { throw KitError.damagedCircle }
        let members = circle.chain.active.compactMap { device in
            Digest256(device.record.tlsKeyHash).map { ($0, device.id) }
        }
        return (try DirectIdentity(tls), Dictionary(members, uniquingKeysWith: { first, _ in first }))
    }

    private func run(
        _ keys: CircleKeys, _ settings: SyncSettings, address: RemoteAddress, name: String?, client: HTTPClient,
        progress: @escaping @Sendable (SyncProgress) -> Void
    ) async throws -> SyncReport {
        let started = ContinuousClock.now
        let (session, transport) = try await Blocking.run { [self] in
            let store = try VaultSyncStore(vault)
            let circle = try keys.current().circle
            let transport = HTTPTransport(
                client: client, address: address, remote: name, circle: store.circle, device: store.device,
                clockOffset: settings.clockOffset, uploadLimit: settings.uploadLimit,
                downloadLimit: settings.downloadLimit, sign: { circle.keys.sign($0) })
            let applier = try applier(store: store, keys: keys)
            let options = SyncOptions(isDirect: name != nil, seed: .random(in: .min ... .max))
            let session = SyncSession(
                store: store, transport: transport, author: keys, options: options, apply: { try applier.apply() })
            return (session, transport)
        }
        var outcomes = [try await session.run(progress: progress)]
        // A device that serves publishes what it made itself once its log was compared with this one's.
        if name != nil, outcomes[0].isComplete { outcomes.append(try await session.run(progress: progress)) }
        var refused: [RefusedVersion] = []
        for _ in 0..<Self.refusedRounds {
            let found = try await Blocking.run { [self] in try inspectArrivals() }
            refused += found
            // The name went back to an earlier version, whose bytes may not be here.
            guard !found.isEmpty, outcomes.last?.isComplete == true else { break }
            outcomes.append(try await session.run(progress: progress))
        }
        return try await Blocking.run { [self, outcomes, refused] in
            let report = SyncReport(
                remote: transport.remote, outcomes: outcomes, traffic: transport.traffic,
                seconds: (ContinuousClock.now - started) / .seconds(1),
                conflicts: try vault.adaptersWithSeveralHeads(), refused: refused)
            try VaultSyncStore(vault).append(
                SyncLogLine(
                    level: report.isComplete ? .info : .warning, remote: report.remote,
                    text: report.summary + (report.isComplete ? "" : "; not complete")))
            return report
        }
    }

    /// What opens accepted entries and makes adapters of them.
    ///
    /// - Throws: `KitError` where the bases of this machine cannot be listed.
    package func applier(store: VaultSyncStore, keys: CircleKeys) throws -> EntryApplier {
        EntryApplier(
            store: store, open: { try keys.payload(of: $0) }, name: { keys.name(of: $0) }, check: try arrivalCheck())
    }
}
