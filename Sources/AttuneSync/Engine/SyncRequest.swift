// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What the engine asks of a remote.
package enum SyncRequest: Hashable, Sendable {
    case frontier
    case links(after: UInt64)
    /// Signed links that follow on `previous`.
    case pushLinks([[UInt8]], previous: LinkHash)
    /// Signed links that a relay is to have in place of what follows there on `parting`.
    case pushBranch([[UInt8]], parting: LinkHash)
    case entries(DeviceID, after: UInt64, limit: Int)
    /// Signed entries; the remote answers for each.
    case pushEntries([[UInt8]])
    /// Which of these chunks the remote lacks; without any, which ones it would like (a device that serves its circle).
    /// Where it can tell: only such as entries there name that were not released.
    case missingChunks([ChunkID], ifNamed: Bool = false)
    case upload(ChunkID)
    case download(ChunkID)
}

/// What came of a request.
package enum SyncAnswer: Hashable, Sendable {
    case frontier(RemoteFrontier)
    case links([[UInt8]])
    case linksTaken
    /// Serialised `SignedEntry`s, and whether more follow.
    case entries([[UInt8]], more: Bool)
    /// One outcome for each entry, in order.
    case pushed([ProtoPushOutcome])
    case missingChunks([ChunkID])
    case uploaded
    /// The chunk has the right id and is in the store.
    case downloaded
    /// The bytes have another id; they were thrown away.
    case wrongChunk
    case failed(RemoteFailure)
}

/// What a remote says it has: nothing in it is signed, so it only tells what to ask for and what to compare.
package struct RemoteFrontier: Hashable, Sendable {
    package var heads: [DeviceID: LogPosition]
    package var linkSeq: UInt64
    package var link: LinkHash
    /// Bytes of chunks kept for the circle, and how many it may have; 0 if the remote does not say.
    package var bytesUsed: UInt64
    package var bytesLimit: UInt64
    /// Another one than before says that chunks may be gone there; 0 if the remote never says so.
    package var chunkGeneration: UInt64

    package init(
        heads: [DeviceID: LogPosition], linkSeq: UInt64, link: LinkHash, bytesUsed: UInt64 = 0, bytesLimit: UInt64 = 0,
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
