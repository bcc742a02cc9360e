// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Synchronization

/// Which chunks this process put down itself, and what blobs on the way still lack.
///
/// Saves looking at every file again for each chunk that comes; what is forgotten here is found on disk.
final class Arrivals: Sendable {
    private struct State {
        var verified: Set<ChunkID> = []
        var absent: [BlobID: Set<ChunkID>] = [:]
    }

    private let state = Mutex(State())

    /// Chunks whose bytes this process compared with their ids.
    var verified: Set<ChunkID> { state.withLock { $0.verified } }

    /// True if `blob` lacks nothing any more now that `chunk` is here.
    func isComplete(
        _ blob: BlobID, with chunk: ChunkID, absent: (BlobID) throws -> Set<ChunkID>
    ) throws -> Bool {
        let known = state.withLock { state -> Bool in
            state.verified.insert(chunk)
            return state.absent[blob] != nil
        }
        let found = known ? [] : try absent(blob)
        return state.withLock { state in
            if state.absent[blob] == nil { state.absent[blob] = found }
            state.absent[blob]?.remove(chunk)
            return state.absent[blob]?.isEmpty ?? false
        }
    }

    func forget(_ blob: BlobID, _ chunks: [ChunkID]) {
        state.withLock { state in
            state.absent[blob] = nil
            state.verified.subtract(chunks)
        }
    }
}
