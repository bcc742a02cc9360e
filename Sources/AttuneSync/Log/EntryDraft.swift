// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What this device wants to tell its circle: made offline, without a place in the log.
///
/// The place (seq, previous, lamport, frontier, epoch) is given when the draft is published and not before, so a store
/// that was set back to a backup cannot give one place to two entries.
package struct EntryDraft: Hashable, Sendable {
    /// The store's own number of the draft; grows, and is never used again.
    package let id: Int64
    package let kind: ProtoEntryKind
    /// A serialised `EntryPayload`, not yet sealed.
    package let payload: [UInt8]
    /// Entries that this one follows: at most 8, sorted. A parent that was a draft itself has been published before.
    package let parents: [EntryHash]
    /// Ids of its chunks, in order; each is in the store already.
    package let chunks: [ChunkID]
    /// For a release: entries whose chunks may go.
    package let released: [EntryHash]

    package init(
        id: Int64, kind: ProtoEntryKind, payload: [UInt8], parents: [EntryHash], chunks: [ChunkID],
        released: [EntryHash] = []
    ) {
        self.id = id
        self.kind = kind
        self.payload = payload
        self.parents = parents
        self.chunks = chunks
        self.released = released
    }
}
