// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Where each device's log ends, and what the circle uses.
package struct StoredFrontier: Hashable, Sendable {
    /// The newest entry of a device.
    package struct Head: Hashable, Sendable {
        package let device: DeviceID
        package let seq: UInt64
        package let entry: EntryHash

        package init(device: DeviceID, seq: UInt64, entry: EntryHash) {
            self.device = device
            self.seq = seq
            self.entry = entry
        }
    }

    /// Sorted by device.
    package let heads: [Head]
    package let link: LinkPosition
    /// Entries of all devices, forks too.
    package let entries: UInt64
    /// Bytes of chunks and entries.
    package let bytesUsed: UInt64
    package let bytesLimit: UInt64
    /// Another one than before where chunks may be gone; 0 if that is never said.
    package let chunkGeneration: UInt64

    package init(
        heads: [Head], link: LinkPosition, entries: UInt64, bytesUsed: UInt64, bytesLimit: UInt64,
        chunkGeneration: UInt64 = 0
    ) {
        self.heads = heads
        self.link = link
        self.entries = entries
        self.bytesUsed = bytesUsed
        self.bytesLimit = bytesLimit
        self.chunkGeneration = chunkGeneration
    }
}

/// What an event stream says of a circle: counts that only grow.
package struct RelayCounters: Hashable, Sendable {
    package let links: UInt64
    package let entries: UInt64

    package init(links: UInt64, entries: UInt64) {
        self.links = links
        self.entries = entries
    }
}
