// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire

/// A session with one remote, ready to run.
struct SyncConnection: Sendable {
    let session: SyncSession
    let transport: HTTPTransport
    /// The device that serves its circle; nil for a relay.
    let peer: DeviceID?
}

extension Workspace {
    /// Runs `body` with a session that is made as the settings say, and closes its connections at the end.
    ///
    /// - Parameters:
    ///   - attempts: failures in a row after which a run gives up.
    ///   - takesEntriesOnly: whether runs leave everything but links and entries alone.
    /// - Throws: `SyncError` E-SYNC-014 (no relay), E-SYNC-070 (nobody answers there), E-SYNC-071.
    func connect<Value: Sendable>(
        to remote: SyncRemote, _ keys: CircleKeys, _ settings: SyncSettings, attempts: Int = 5,
        takesEntriesOnly: Bool = false,
        _ body: @Sendable (SyncConnection) async throws -> Value
    ) async throws -> Value {
        switch remote {
        case .relay(let given):
            guard let text = given ?? settings.relay else { throw SyncError.noRelay }
            guard let address = RemoteAddress(text) else { throw KitError.notAnAddress(text) }
            return try await RemoteCircle.withClient { client in
                try await body(
                    try await session(
                        keys, settings, address: address, peer: nil, client: client, attempts: attempts,
                        takesEntriesOnly: takesEntriesOnly))
            }
        case .direct(let host, let port):
            return try await connect(
                directly: host, port, keys, settings, attempts: attempts,
                takesEntriesOnly: takesEntriesOnly, body)
        case .nearby:
            for (host, port) in try await nearbyAddresses(keys).joined() {
                do {
                    return try await connect(
                        directly: host, port, keys, settings, attempts: attempts,
                        takesEntriesOnly: takesEntriesOnly, body)
                } catch let error as SyncError where Self.isNobody(error) {
                    // One address of several, this device itself, or somebody who repeats what another one said.
                }
            }
            throw SyncError.nobodyNearby
        }
    }

    /// Whether no device of the circle was at an address that somebody announced.
    static func isNobody(_ error: SyncError) -> Bool { [.noDevice, .otherPeer].contains(error.kind) }

    private func connect<Value: Sendable>(
        directly host: String, _ port: Int, _ keys: CircleKeys, _ settings: SyncSettings, attempts: Int,
        takesEntriesOnly: Bool,
        _ body: @Sendable (SyncConnection) async throws -> Value
    ) async throws -> Value {
        let (identity, members) = try await BlockingWork.run { try Self.directIdentity(keys) }
        let shown = host.contains(":") ? "[\(host)]" : host
        let certificate = try await Self.reaching("\(shown):\(port)") {
            try await DirectPeer.certificate(host: host, port: port, identity: identity) { members[$0] != nil }
        }
        guard let address = RemoteAddress("https://\(shown):\(port)"),
            let peer = DirectIdentity.keyHash(of: certificate).flatMap({ members[$0] })
        else { throw KitError.notAnAddress(host) }
        let client = HTTPTransport.makeClient(tls: identity.client(trusting: certificate))
        return try await RemoteCircle.withClient(client) { client in
            try await body(
                try await session(
                    keys, settings, address: address, peer: peer, client: client, attempts: attempts,
                    takesEntriesOnly: takesEntriesOnly))
        }
    }

    /// Calls what cannot be reached by the name that sync has for it.
    private static func reaching<Value: Sendable>(
        _ place: String, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch is PairingError {
            throw SyncError.noDevice(place)
        }
    }

    /// What people are told of a device that is asked directly.
    static func remoteName(_ peer: DeviceID, _ devices: [DeviceListing]) -> String {
        "device \(devices.first { $0.id == peer }?.label ?? peer.fingerprint)"
    }

    private func session(
        _ keys: CircleKeys, _ settings: SyncSettings, address: RemoteAddress, peer: DeviceID?, client: HTTPClient,
        attempts: Int, takesEntriesOnly: Bool
    ) async throws -> SyncConnection {
        try await BlockingWork.run { [self] in
            let store = try VaultSyncStore(vault)
            let circle = try keys.current().circle
            let devices = peer == nil ? [] : try listings(of: circle)
            let transport = HTTPTransport(
                client: client, address: address, remote: peer.map { "device \($0)" },
                remoteName: peer.map { Self.remoteName($0, devices) }, circle: store.circle, device: store.device,
                clockOffset: settings.clockOffset, uploadLimit: settings.uploadLimit,
                downloadLimit: settings.downloadLimit, sign: { circle.keys.sign($0) })
            let options = SyncOptions(
                attempts: attempts, isDirect: peer != nil, takesEntriesOnly: takesEntriesOnly,
                seed: .random(in: .min ... .max))
            let session = SyncSession(
                store: store, transport: transport, author: keys, applier: try applier(store: store, keys: keys),
                options: options)
            return SyncConnection(session: session, transport: transport, peer: peer)
        }
    }
}
