// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneRelay
import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// `attune-relay serve`: the first line it prints is the address it listens on.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve devices.",
        discussion: """
            Ends on SIGTERM and SIGINT once what is under way has ended, after 20 s at the latest.
            Environment: ATTUNE_RELAY_METRICS_TOKEN is the bearer token of /metrics, which answers this machine without.
            """)

    @Option(help: "Address and port; port 0 takes a free one.") var listen = "127.0.0.1:8377"
    @OptionGroup var data: StoreOptions
    @OptionGroup var access: AccessOptions
    @OptionGroup var limits: LimitOptions
    @Option(help: "trace, debug, info, notice, warning, error or critical.") var logLevel = "notice"

    func run() async throws {
        guard let level = Logger.Level(rawValue: logLevel) else {
            throw RelayProcessError.option("--log-level is \(logLevel)")
        }
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        let descriptors = ProcessLimits.apply()
        let address = try ListenAddress(listen)
        var configuration = try access.configuration(address)
        configuration.limits = limits.limits
        // Files and the database need some too; a connection that gets none would only wait.
        configuration.limits.connections = min(limits.connections, max(16, descriptors - 128))
        configuration.circleBytes = data.circleBytes
        let opened = try await data.open(serving: true)
        let logger = Logger(label: "attune.relay")
        if let problem = opened.unrenewed {
            logger.error(
                "devices are not asked for chunks that the folder may have lost, which is tried again: \(problem)")
        }
        let server = RelayServer(
            store: opened.store, mailboxes: opened.mailboxes, configuration: configuration, logger: logger)
        let scheme = configuration.tls == nil ? "http" : "https"
        let base = configuration.basePath
        let serving = RelayProcess(server: server) { port in
            let line = "Listening on \(scheme)://\(address.shownHost):\(port)\(base)\n"
            try? FileHandle.standardOutput.write(contentsOf: Data(line.utf8))
        }
        var group = ServiceGroupConfiguration(
            services: [
                .init(
                    service: GarbageCollection(
                        store: opened.store, logger: logger, isRenewed: opened.unrenewed == nil)),
                .init(service: serving),
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(20)
        try await ServiceGroup(configuration: group).run()
        withExtendedLifetime(opened) {}
    }
}

/// The server as a service of the process.
struct RelayProcess: Service {
    let server: RelayServer
    let listening: @Sendable (Int) async -> Void

    func run() async throws { try await server.run(listening: listening) }
}

/// Goes on with what is due at the start and every minute, and collects garbage every hour.
struct GarbageCollection: Service {
    let store: any RelayMaintenance
    let logger: Logger
    /// Whether this start has said its generation of chunks.
    let isRenewed: Bool

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            var minute = 0
            var isRenewed = isRenewed
            while true {
                if !isRenewed {
                    isRenewed = (try? await store.renewChunkGeneration()) != nil
                    if isRenewed { logger.notice("devices are asked now for chunks that the folder may have lost") }
                }
                do {
                    if minute % 60 == 0 { try await store.collectGarbage() } else { try await store.workOff() }
                } catch is CancellationError {
                    return
                } catch {
                    logger.error("collecting garbage: \(error)")
                }
                minute += 1
                try await Task.sleep(for: .seconds(60))
            }
        }
    }
}
