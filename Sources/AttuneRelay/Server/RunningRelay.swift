// Attune
// SPDX-License-Identifier: Apache-2.0

import Logging
import ServiceLifecycle

/// A server inside another program, until it is stopped.
package final class RunningRelay: Sendable {
    /// The port it listens on.
    package let port: Int
    private let group: ServiceGroup
    private let task: Task<Void, any Error>

    private init(port: Int, group: ServiceGroup, task: Task<Void, any Error>) {
        self.port = port
        self.group = group
        self.task = task
    }

    /// Stops accepting, lets what is under way end, and returns then.
    package func stop() async {
        await group.triggerGracefulShutdown()
        _ = await task.result
    }

    /// Starts a server and returns once it listens.
    ///
    /// - Throws: if the address cannot be listened on.
    package static func start(_ server: RelayServer) async throws -> RunningRelay {
        let (ports, found) = AsyncThrowingStream.makeStream(of: Int.self)
        let service = EmbeddedService {
            do {
                try await server.run { found.yield($0) }
                found.finish()
            } catch {
                found.finish(throwing: error)
                throw error
            }
        }
        var configuration = ServiceGroupConfiguration(
            services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
            logger: RelayServer.quietLogger)
        configuration.maximumGracefulShutdownDuration = .seconds(20)
        let group = ServiceGroup(configuration: configuration)
        let task = Task { try await group.run() }
        for try await port in ports { return RunningRelay(port: port, group: group, task: task) }
        throw RelayError.unavailable(nil)
    }
}

private struct EmbeddedService: Service {
    let body: @Sendable () async throws -> Void
    func run() async throws { try await body() }
}
