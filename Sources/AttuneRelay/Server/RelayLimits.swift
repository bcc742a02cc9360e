// Attune
// SPDX-License-Identifier: Apache-2.0

/// How much a relay takes, and how often.
package struct RelayLimits: Hashable, Sendable {
    /// Bytes of a chunk at the most.
    package var chunkBytes = 1 << 20
    /// Bytes of any other body.
    package var bodyBytes = 1 << 20
    package var entriesPerPush = 256
    package var entriesPerPage = 512
    package var chunkIDsPerQuery = 1024
    package var linksPerPush = 16

    /// Requests without a valid signature, for each address.
    package var unauthenticatedPerMinute = 30
    /// New circles, for each address.
    package var circlesPerHour = 5
    /// Requests of a device, transfers of chunks aside.
    package var requestsPerMinute = 600
    /// Transfers of chunks of a device.
    package var transfersPerMinute = 6000
    package var concurrentTransfers = 8
    package var concurrentStreams = 16

    package var connections = 8192
    /// Bytes of all header fields.
    package var headerBytes = 16 << 10
    package var headerFields = 64
    /// Seconds without a byte after which a connection is closed.
    package var idleSeconds = 60
    /// Seconds that a body, or an answer that is not a stream, may take.
    package var transferSeconds = 300
    /// Seconds between comments on an event stream.
    package var heartbeatSeconds = 20.0
    /// Seconds that a client may wait for news.
    package var waitSeconds = 60
    /// Seconds by which the clock of a signer may differ.
    package var clockSkewSeconds: Int64 = 300
    /// Seconds that a nonce is remembered: twice the skew.
    package var nonceSeconds: Int64 = 600

    package init() {}
}
