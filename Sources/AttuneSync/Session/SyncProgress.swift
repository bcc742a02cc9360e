// Attune
// SPDX-License-Identifier: Apache-2.0

/// How far a run of sync has come.
package struct SyncProgress: Hashable, Sendable {
    /// Bytes of chunks and messages that went each way since the run began.
    package var bytesSent = 0
    package var bytesReceived = 0
    /// Chunks of the transfer under way.
    package var chunksDone = 0
    package var chunksTotal = 0
    /// Bytes per second both ways over the last seconds; 0 before there is a figure.
    package var rate = 0
    /// Seconds that the rest of the transfer will take at this rate; nil if nobody knows.
    package var secondsLeft: Int?
    /// Seconds until the next try, while the remote is waited for.
    package var waiting: Int?

    package init() {}
}
