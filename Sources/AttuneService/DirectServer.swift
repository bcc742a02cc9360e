// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneKit
import AttuneRelay
import AttuneSync
import Foundation
import HummingbirdTLS
import NIOCore
import NIOSSL

/// This device as its circle reaches it on the local network: the relay's own routes over TLS 1.3, and both ends show
/// the keys that the device chain names.
package struct DirectServer: Sendable {
    /// The port it listens on.
    package let port: Int
    private let relay: RunningRelay

    /// Starts to serve.
    ///
    /// - Parameters:
    ///   - host: an address of this machine.
    ///   - admitsStrangers: whether devices that are not in the circle may connect, to pair; every other route still
    ///     asks for the signature of a member.
    ///   - mailboxes: for pairing.
    /// - Throws: `CircleError` E-DEVICE-001, `SyncError` E-SYNC-074.
    package static func start(
        _ workspace: Workspace, host: String, port: Int, admitsStrangers: Bool = false,
        mailboxes: any Mailboxes = MemoryMailboxes()
    ) async throws -> DirectServer {
        let store = try await BlockingWork.run { try VaultRelayStore(workspace) }
        let keys = try await BlockingWork.run { try CircleKeys(workspace.vault) }
        let (identity, _) = try await BlockingWork.run { try Workspace.directIdentity(keys) }
        var configuration = RelayConfiguration()
        configuration.host = host
        configuration.port = port
        configuration.creation = .never
        configuration.software = "attune"
        // A handful of devices of one person, on a network where others may be.
        configuration.limits.connections = 256
        configuration.limits.strangerConnections = 64
        configuration.limits.strangerConnectionsPerAddress = 16
        configuration.limits.headSeconds = 5
        configuration.servesAnyHost = ["0.0.0.0", "::"].contains(host)
        configuration.tls = TLSChannelConfiguration(tlsConfiguration: identity.server) { certificates, promise in
            // The signature of the handshake proves the key; which keys are good is for the chain to say. The chain
            // may change while this serves.
            let hash = certificates.first.flatMap(DirectIdentity.keyHash)
            Task {
                let isMember = try? await BlockingWork.run {
                    guard let hash else { return false }
                    return try admitsStrangers || Workspace.directIdentity(keys).members[hash] != nil
                }
                promise.succeed(isMember == true ? .certificateVerified : .failed)
            }
        }
        let server = RelayServer(store: store, mailboxes: mailboxes, configuration: configuration)
        let relay: RunningRelay
        do {
            relay = try await RunningRelay.start(server)
        } catch let failure as RelayServer.CannotListen {
            throw SyncError.cannotListen("\(failure.host):\(failure.port)", failure.reason)
        }
        return DirectServer(port: relay.port, relay: relay)
    }

    /// Stops accepting and returns once what is under way has ended.
    package func stop() async { await relay.stop() }
}
