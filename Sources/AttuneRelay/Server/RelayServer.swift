// Attune
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// The sync API over a store: what a relay runs, and a device that serves its own circle on the local network.
package struct RelayServer: Sendable {
    private let service: RelayService
    private let logger: Logger

    /// - Parameters:
    ///   - mailboxes: for pairing; of this process by default.
    ///   - logger: gets failures of the store; never a byte of what was sent.
    package init(
        store: any RelayStore, mailboxes: any Mailboxes = MemoryMailboxes(), configuration: RelayConfiguration,
        logger: Logger = quietLogger
    ) {
        service = RelayService(store: store, mailboxes: mailboxes, configuration: configuration)
        self.logger = logger
    }

    /// For a server inside another program, whose screen is not a log.
    static var quietLogger: Logger {
        var logger = Logger(label: "attune.relay")
        logger.logLevel = .warning
        return logger
    }

    /// Serves until the task is cancelled, or a graceful shutdown of the surrounding service group.
    ///
    /// - Parameter listening: called once with the port.
    /// - Throws: `CannotListen`.
    package func run(listening: @escaping @Sendable (Int) async -> Void) async throws {
        let configuration = service.configuration
        let service = service
        let application = Application(
            responder: RelayResponder(
                service: service, inner: RelayRoutes(service: service).router().buildResponder()),
            server: try builder(),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), serverName: nil, backlog: 1024),
            onServerRunning: { channel in
                do {
                    try await ArrivingConnections.watch(channel, service)
                } catch {
                    logger.error("nobody counts the connections that arrive: \(error)")
                }
                let port = channel.localAddress?.port ?? configuration.port
                service.listens(host: configuration.host, port: port)
                await listening(port)
            }, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await service.hub.run(service.store, heartbeat: configuration.limits.heartbeatSeconds)
            }
            group.addTask {
                do {
                    try await application.run()
                } catch let error as IOError {
                    throw CannotListen(
                        host: configuration.host, port: configuration.port, reason: error.errnoCode)
                }
            }
            // The hub ends only by being cancelled.
            try await group.next()
            group.cancelAll()
        }
    }

    /// The system does not let the address be listened on.
    package struct CannotListen: Error {
        package let host: String
        package let port: Int
        /// As the system numbers it.
        package let reason: Int32
    }

    private func builder() throws -> HTTPServerBuilder {
        let (service, limits) = (service, service.configuration.limits)
        let plain = HTTP1Channel.Configuration(
            additionalChannelHandlers: [ConnectionDeadlines(limits, service.places)],
            idleTimeout: .seconds(Int64(limits.idleSeconds)),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: limits.headerBytes, maxHeaderListSize: limits.headerBytes,
                maxHeaderFieldCount: limits.headerFields))
        let (places, trusted) = (service.places, service.configuration.trustedProxies)
        return HTTPServerBuilder { responder in
            let http = RequestBytes.Channel(base: HTTP1Channel(responder: responder, configuration: plain))
            guard let tls = service.configuration.tls else {
                return RelayChannel(base: http, places: places, trusted: trusted)
            }
            return RelayChannel(base: try TLSChannel(http, configuration: tls), places: places, trusted: trusted)
        }
    }
}
