// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What a run of sync did.
package struct SyncOutcome: Sendable {
    package internal(set) var linksTaken = 0
    package internal(set) var linksSent = 0
    package internal(set) var entriesTaken = 0
    package internal(set) var entriesPublished = 0
    package internal(set) var entriesSent = 0
    package internal(set) var chunksTaken = 0
    package internal(set) var chunksSent = 0
    /// Whose entries were taken.
    package internal(set) var authors: Set<DeviceID> = []
    /// Chunks that are wanted here and that the remote does not have.
    package internal(set) var chunksAbsent = 0
    /// Number of the newest link where the remote has the same ones; nil if it was not compared, or has others.
    package internal(set) var linksTold: UInt64?
    /// What a person has to know of what other devices changed, a sentence each.
    package internal(set) var news: [String] = []
    /// The gravest of what is suspicious at the end of the run, which is a problem too once the devices have names.
    package internal(set) var suspicion: Suspicion?
    /// What stands in the way of a complete sync, the gravest first; empty if all went well.
    package internal(set) var problems: [SyncError] = []

    /// Bytes of messages and chunks that went each way, and how long it took.
    package internal(set) var bytesSent = 0
    package internal(set) var bytesReceived = 0
    package internal(set) var seconds = 0.0
    /// Seconds after which a busy remote may be asked again; nil if it did not say.
    package internal(set) var retryAfter: Int?
    /// Set where the remote said that the circle was deleted there.
    package internal(set) var deletion: SyncSettings.Deletion?

    package init() {}

    /// Whether the remote and this device now have the same entries.
    package var isComplete: Bool { problems.isEmpty }

    /// Whether anything went either way.
    package var movedAnything: Bool {
        linksTaken + linksSent + entriesTaken + entriesPublished + entriesSent + chunksTaken + chunksSent > 0
    }
}
