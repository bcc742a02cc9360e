// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneWire

/// How much a relay takes, and how often.
package struct RelayLimits: Hashable, Sendable {
    /// Bytes of a chunk at the most.
    package var chunkBytes = 1 << 20
    /// Bytes of any other body of a device.
    package var bodyBytes = 1 << 20
    /// Bytes of a request to open a circle, which comes from a stranger.
    package var genesisBytes = 256 << 10
    package var entriesPerPush = 256
    package var entriesPerPage = 512
    package var chunkIDsPerQuery = 1024
    package var linksPerPush = WireLimits.linksPerPush
    /// Links of a branch, which come all at once.
    package var linksPerBranch = WireLimits.linksPerBranch

    /// Requests without a valid signature, for each address.
    package var unauthenticatedPerMinute = 30
    /// Mailboxes that an address looks for, or takes a side of, within ten minutes.
    package var mailboxVisits = 20
    /// New circles, for each address.
    package var circlesPerHour = 5
    /// Requests of a device, transfers of chunks aside.
    package var requestsPerMinute = 600
    /// Transfers of chunks of a device.
    package var transfersPerMinute = 6000
    package var concurrentTransfers = 8
    package var concurrentStreams = 16
    /// Pages of links and entries of a device at once.
    package var concurrentPages = 8
    /// Requests that wait at once until the links of their circle are verified.
    package var chainWaiters = 256
    /// Links of a device in its circle, those aside that shut others out.
    package var linksPerDay = 512
    /// Branches of a circle's chain that a device brings, whether they count or not.
    package var branchesPerDay = 16

    package var connections = 4096
    /// Of them, those that have shown no signature that holds.
    package var strangerConnections = 1024
    package var connectionsPerAddress = 64
    package var strangerConnectionsPerAddress = 32
    package var connectionsPerDevice = 32
    /// Bytes that bodies of requests take in memory, all together.
    package var bodyMemory = 32 << 20
    /// Of them, those of who is no device of a circle: however many strangers come, devices have the rest.
    package var strangerBodyMemory: Int { bodyMemory / 4 }
    /// Bytes that answers under way take in memory, all together.
    package var answerMemory = 48 << 20
    /// Bytes of all header fields.
    package var headerBytes = 8 << 10
    package var headerFields = 64
    /// Requests of a connection that are parsed before the first one was answered; only behind a body of unknown length is
    /// it more than one.
    package var pipelinedRequests = 4
    /// Bytes of a body that arrive before anybody reads it.
    package var unreadBytes = 32 << 10
    /// Seconds for a handshake and the head of a request; for strangers between two requests as well.
    package var headSeconds = 10
    /// Seconds without a byte after which a connection is closed, between two requests of a device too.
    package var idleSeconds = 60
    /// Seconds that a body, or an answer that is not a stream, may take, before what its size adds.
    package var transferSeconds = 20
    /// What its size adds: a second for so many bytes.
    package var slowestBytesPerSecond = 4 << 10
    /// Seconds in which the rest of a body comes that was refused.
    package var drainSeconds = 5
    /// Seconds between comments on an event stream.
    package var heartbeatSeconds = 20.0
    /// Seconds that a client may wait for news.
    package var waitSeconds = 60
    /// Seconds by which the clock of a signer may differ.
    package var clockSkewSeconds: Int64 = 300
    /// Seconds that a nonce is remembered: twice the skew.
    package var nonceSeconds: Int64 = 600

    package init() {}

    /// Seconds that so many bytes may take.
    func seconds(for bytes: Int) -> Double {
        Double(transferSeconds) + Double(max(0, bytes)) / Double(max(1, slowestBytesPerSecond))
    }
}
