// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneRelay

/// How much a relay takes, and how often.
struct LimitOptions: ParsableArguments {
    @Option(help: "Requests of a device, transfers of chunks aside.")
    var requestsPerMinute = RelayLimits().requestsPerMinute
    @Option(help: "Transfers of chunks of a device.") var transfersPerMinute = RelayLimits().transfersPerMinute
    @Option(help: "Transfers of a device at once.") var concurrentTransfers = RelayLimits().concurrentTransfers
    @Option(help: "Event streams of a device at once.") var concurrentStreams = RelayLimits().concurrentStreams
    @Option(help: "Requests without a valid signature, for each address.")
    var unauthenticatedPerMinute = RelayLimits().unauthenticatedPerMinute
    @Option(help: "New circles without an invite, for each address.") var circlesPerHour = RelayLimits().circlesPerHour
    @Option(help: "Connections at once.") var connections = RelayLimits().connections
    @Option(help: "Seconds after which a connection without a byte is closed.")
    var idleSeconds = RelayLimits().idleSeconds
    @Option(help: "Seconds between signs of life on an event stream.")
    var heartbeatSeconds = RelayLimits().heartbeatSeconds

    func validate() throws {
        let counts = [
            requestsPerMinute, transfersPerMinute, concurrentTransfers, concurrentStreams, unauthenticatedPerMinute,
            circlesPerHour, connections, idleSeconds,
        ]
        guard counts.allSatisfy({ (1...10_000_000).contains($0) }), heartbeatSeconds >= 0.05 else {
            throw ValidationError("limits are numbers from 1 to 10000000, heartbeats at least 0.05 s apart")
        }
    }

    var limits: RelayLimits {
        var limits = RelayLimits()
        limits.requestsPerMinute = requestsPerMinute
        limits.transfersPerMinute = transfersPerMinute
        limits.concurrentTransfers = concurrentTransfers
        limits.concurrentStreams = concurrentStreams
        limits.unauthenticatedPerMinute = unauthenticatedPerMinute
        limits.circlesPerHour = circlesPerHour
        limits.connections = connections
        limits.idleSeconds = idleSeconds
        limits.heartbeatSeconds = heartbeatSeconds
        return limits
    }
}
