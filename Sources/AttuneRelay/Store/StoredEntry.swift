// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// A verified entry as a store keeps it: what its header says in the clear, and its bytes.
package struct StoredEntry: Hashable, Sendable {
    package let device: DeviceID
    /// From 1; below 2⁶³.
    package let seq: UInt64
    package let hash: EntryHash
    /// Zeros for seq 1.
    package let previous: EntryHash
    package let chunks: [ChunkID]
    /// Entries whose chunks nobody needs any more; empty unless the entry is a release.
    package let released: [EntryHash]
    /// A serialised `SignedEntry`, as received.
    package let bytes: [UInt8]

    /// Whether its author's revocation names it as the last one that counts: what stands beside the way to it goes.
    package let isLast: Bool

    package init(_ entry: Entry, isLast: Bool = false) {
        device = entry.device
        seq = entry.seq
        hash = entry.hash
        previous = entry.previous
        chunks = entry.chunks
        released = entry.kind == .release ? entry.released : []
        bytes = entry.bytes
        self.isLast = isLast
    }
}

/// What became of an entry that was pushed.
package enum AppendOutcome: Hashable, Sendable {
    case new
    case exists
    /// The entry before it is not there.
    case gap
    /// Another entry has its device and seq; both are kept.
    case fork
    /// Not kept: a third entry with the same device and seq.
    case refused
    /// Not kept: it would release more than a day's share.
    case releaseLimit
    /// Not kept: its device has as many entries as it may have.
    case full
}

/// A run of entries.
package struct EntryPage: Hashable, Sendable {
    /// Serialised `SignedEntry` messages, as received.
    package let entries: [[UInt8]]
    /// Whether more follow.
    package let more: Bool
    /// What `after` is for the page that follows; 0 if a store does not say.
    package let next: UInt64

    package init(entries: [[UInt8]], more: Bool, next: UInt64 = 0) {
        self.entries = entries
        self.more = more
        self.next = next
    }
}

/// How much a release may free at once.
package enum ReleaseAllowance: Sendable {
    /// At most half of the bytes within a day.
    case half
    /// Everything: the paper device has signed the request.
    case all
    /// At most half of the bytes within a day; the entry is kept all the same, and what is more goes on later days.
    case inTime
}
