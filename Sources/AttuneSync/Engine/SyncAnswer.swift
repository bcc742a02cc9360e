// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What came of a request.
package enum SyncAnswer: Hashable, Sendable {
    case frontier(RemoteFrontier)
    case links([[UInt8]])
    case linksTaken
    /// Serialised `SignedEntry`s, and whether more follow.
    case entries([[UInt8]], more: Bool)
    /// One outcome for each entry, in order.
    case pushed([ProtoPushOutcome])
    case missingChunks([Digest256])
    case uploaded
    /// The chunk has the right id and is in the store.
    case downloaded
    /// The bytes have another id; they were thrown away.
    case wrongChunk
    case failed(RemoteFailure)
}
