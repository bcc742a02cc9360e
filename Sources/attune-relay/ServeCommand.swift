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
    static let configuration = CommandConfiguration(commandName: "serve", abstract: "Serve devices.")

    @Option(help: "Address and port; port 0 takes a free one.") var listen = "127.0.0.1:8377"
    @Option(help: "Folder of the relay's data.") var dir: String
    @Flag(help: "Let anyone open a circle; the default on loopback only.") var open = false

    func run() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        let address = try ListenAddress(listen)
        var configuration = RelayConfiguration()
        configuration.host = address.host
        configuration.port = address.port
        configuration.creation = open || address.isLoopback ? .open : .byInvite
        let store = try SQLiteRelayStore(folder: dir)
        let server = RelayServer(store: store, configuration: configuration)
        let service = RelayProcess(server: server) { port in
            let line = "Listening on http://\(address.shownHost):\(port)\n"
            try? FileHandle.standardOutput.write(contentsOf: Data(line.utf8))
        }
        var group = ServiceGroupConfiguration(
            services: [.init(service: service)], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "attune.relay"))
        group.maximumGracefulShutdownDuration = .seconds(20)
        try await ServiceGroup(configuration: group).run()
    }
}

/// The server as a service of the process.
struct RelayProcess: Service {
    let server: RelayServer
    let listening: @Sendable (Int) async -> Void

    func run() async throws { try await server.run(listening: listening) }
}
