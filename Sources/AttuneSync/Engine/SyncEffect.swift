// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What the engine wants done, in order; a change of the store is complete before the next effect begins.
package enum SyncEffect: Sendable {
    /// Ask the remote; several requests may be under way at once.
    case send(ticket: Int, SyncRequest)
    /// Answers to requests under way are no longer needed.
    case cancelRequests
    case replaceLinks(after: UInt64, [Link], cutOffs: [DeviceID: UInt64])
    /// Say in the sync log and in the outcome what links say to a person.
    case announce([Link])
    case accept([Entry])
    /// Open what was accepted and make adapters of it; says `applied`.
    case applyEntries
    /// Seal and keep the oldest draft at this place; says `published`.
    case publishNext(EntryPlace)
    /// Say which chunks are wanted here, at most so many, with `wanted`.
    case listWanted(limit: Int)
    case setMarks([DeviceID: LogPosition])
    case setChunkMarks(ChunkMarks)
    /// Keep a piece of evidence and say so in the sync log.
    case record(SyncEvidence)
    case settle(Set<Suspicion>)
    case log(SyncLogLine.Level, String)
    /// Keep a new difference to the remote's clock, in milliseconds.
    case adjustClock(Int64)
    /// Say `tick` after this many milliseconds.
    case wait(milliseconds: Int)
    /// The run is over.
    case finished(SyncOutcome)
}

/// What the engine is told.
package enum SyncEvent: Sendable {
    /// Begin a run: at start, after a wake-up, after a local draft.
    case start
    /// The answer to `SyncEffect.send` with this ticket.
    case answer(Int, SyncAnswer)
    /// `SyncEffect.applyEntries` is done.
    case applied
    /// `SyncEffect.publishNext` is done: the entry that is now the own head, or nil if there was no draft.
    case published(Entry?)
    /// `SyncEffect.listWanted` is done.
    case wanted([ChunkID])
    /// The time of `SyncEffect.wait` is over.
    case tick
    /// A person paused sync.
    case paused
}
