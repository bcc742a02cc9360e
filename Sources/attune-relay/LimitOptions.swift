// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneRelay

/// How much a relay takes, and how often; `schemas/relay-limits.md` has the table of all bounds.
struct LimitOptions: ParsableArguments {
    @Option(help: "Requests of a device, transfers of chunks aside.")
    var requestsPerMinute = RelayLimits().requestsPerMinute
    @Option(help: "Transfers of chunks of a device.") var transfersPerMinute = RelayLimits().transfersPerMinute
    @Option(help: "Transfers of a device at once.") var concurrentTransfers = RelayLimits().concurrentTransfers
    @Option(help: "Event streams of a device at once.") var concurrentStreams = RelayLimits().concurrentStreams
    @Option(help: "Requests without a valid signature, for each address.")
    var unauthenticatedPerMinute = RelayLimits().unauthenticatedPerMinute
    @Option(help: "Mailboxes that an address looks for within ten minutes.")
    var mailboxVisits = RelayLimits().mailboxVisits
    @Option(help: "New circles without an invite, for each address.") var circlesPerHour = RelayLimits().circlesPerHour
    @Option(help: "Connections at once.") var connections = RelayLimits().connections
    @Option(help: "Of them, those without a signature that held.")
    var strangerConnections = RelayLimits().strangerConnections
    @Option(help: "Connections of an address; an IPv6 /64 is one.")
    var connectionsPerAddress = RelayLimits().connectionsPerAddress
    @Option(help: "Of them, those without a signature that held.")
    var strangerConnectionsPerAddress = RelayLimits().strangerConnectionsPerAddress
    @Option(help: "Connections of a device.") var connectionsPerDevice = RelayLimits().connectionsPerDevice
    @Option(help: "Bytes that bodies of requests take in memory, all together.")
    var bodyMemory = RelayLimits().bodyMemory
    @Option(help: "Bytes that answers under way take in memory, all together.")
    var answerMemory = RelayLimits().answerMemory
    @Option(help: "Seconds for a handshake and the head of a request.") var headSeconds = RelayLimits().headSeconds
    @Option(help: "Seconds after which a connection without a byte is closed.")
    var idleSeconds = RelayLimits().idleSeconds
    @Option(help: "Seconds for a body or an answer, before what its size adds.")
    var transferSeconds = RelayLimits().transferSeconds
    @Option(help: "Bytes of a body or an answer that add a second.")
    var slowestBytesPerSecond = RelayLimits().slowestBytesPerSecond
    @Option(help: "Seconds between signs of life on an event stream.")
    var heartbeatSeconds = RelayLimits().heartbeatSeconds

    func validate() throws {
        let counts = [
            requestsPerMinute, transfersPerMinute, concurrentTransfers, concurrentStreams, unauthenticatedPerMinute,
            mailboxVisits, circlesPerHour, connections, strangerConnections, connectionsPerAddress,
            strangerConnectionsPerAddress, connectionsPerDevice, headSeconds, idleSeconds, transferSeconds,
            slowestBytesPerSecond,
        ]
        guard counts.allSatisfy({ (1...10_000_000).contains($0) }), heartbeatSeconds >= 0.05 else {
            throw ValidationError("limits are numbers from 1 to 10000000, heartbeats at least 0.05 s apart")
        }
        // A page of entries, or a push, has to fit half of it.
        guard [bodyMemory, answerMemory].allSatisfy({ (16 << 20...1 << 40).contains($0) }) else {
            throw ValidationError("memory of bodies and of answers is at least \(16 << 20) bytes each")
        }
        guard strangerConnections <= connections else {
            throw ValidationError("--stranger-connections are among --connections, and so no more than those")
        }
    }

    var limits: RelayLimits {
        var limits = RelayLimits()
        limits.requestsPerMinute = requestsPerMinute
        limits.transfersPerMinute = transfersPerMinute
        limits.concurrentTransfers = concurrentTransfers
        limits.concurrentStreams = concurrentStreams
        limits.unauthenticatedPerMinute = unauthenticatedPerMinute
        limits.mailboxVisits = mailboxVisits
        limits.circlesPerHour = circlesPerHour
        limits.connections = connections
        limits.strangerConnections = strangerConnections
        limits.connectionsPerAddress = connectionsPerAddress
        limits.strangerConnectionsPerAddress = strangerConnectionsPerAddress
        limits.connectionsPerDevice = connectionsPerDevice
        limits.bodyMemory = bodyMemory
        limits.answerMemory = answerMemory
        limits.headSeconds = min(headSeconds, idleSeconds)
        limits.idleSeconds = idleSeconds
        limits.transferSeconds = transferSeconds
        limits.slowestBytesPerSecond = slowestBytesPerSecond
        limits.heartbeatSeconds = heartbeatSeconds
        return limits
    }
}
