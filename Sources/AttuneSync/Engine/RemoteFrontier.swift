// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What a remote says it has: nothing in it is signed, so it only tells what to ask for and what to compare.
package struct RemoteFrontier: Hashable, Sendable {
    package var heads: [DeviceID: LogPosition]
    package var linkSeq: UInt64
    package var link: Digest256
    /// Bytes of chunks kept for the circle, and how many it may have; 0 if the remote does not say.
    package var bytesUsed: UInt64
    package var bytesLimit: UInt64
    /// Another one than before says that chunks may be gone there; 0 if the remote never says so.
    package var chunkGeneration: UInt64

    package init(
        heads: [DeviceID: LogPosition], linkSeq: UInt64, link: Digest256, bytesUsed: UInt64 = 0, bytesLimit: UInt64 = 0,
        chunkGeneration: UInt64 = 0
    ) {
        self.heads = heads
        self.linkSeq = linkSeq
        self.link = link
        self.bytesUsed = bytesUsed
        self.bytesLimit = bytesLimit
        self.chunkGeneration = chunkGeneration
    }
}
