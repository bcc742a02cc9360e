// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

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
    case wanted([Digest256])
    /// The time of `SyncEffect.wait` is over.
    case tick
    /// A person paused sync.
    case paused
}
