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
    package let parents: [Digest256]
    /// Ids of its chunks, in order; each is in the store already.
    package let chunks: [Digest256]
    /// For a release: entries whose chunks may go.
    package let released: [Digest256]

    package init(
        id: Int64, kind: ProtoEntryKind, payload: [UInt8], parents: [Digest256], chunks: [Digest256],
        released: [Digest256] = []
    ) {
        self.id = id
        self.kind = kind
        self.payload = payload
        self.parents = parents
        self.chunks = chunks
        self.released = released
    }
}
