// Attune
// SPDX-License-Identifier: Apache-2.0

/// What is left to do outside the store.
package enum SyncAction: Sendable {
    /// Ask the remote, and hand the answer in with this ticket.
    case send(ticket: Int, SyncRequest)
    /// Answers to requests under way are no longer needed.
    case cancelRequests
    /// Sign requests with this difference to the clock, in milliseconds.
    case adjustClock(Int64)
    /// Say `tick` after this many milliseconds.
    case wait(milliseconds: Int)
    /// The run is over.
    case finished(SyncOutcome)
}
