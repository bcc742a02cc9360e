// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Which chunk files are there, beside those that the database names.
package struct ChunkInventory: Sendable {
    /// Named as bytes that are here, and neither in their place nor set aside.
    package var missing: [ChunkID] = []
    /// In their place, and named by nothing: what a killed process left, or what a database that was set back forgot.
    package var unnamed = 0
    package var unnamedBytes = 0
    /// Set aside, to be removed 30 days later.
    package var lost = 0
    package var lostBytes = 0
    /// The days on which the first and the last of them were set aside.
    package var lostSince: ClosedRange<Date>?
    /// When the first of them is removed.
    package var firstRemoval: Date? { lostSince.map { $0.lowerBound.addingTimeInterval(ChunkStore.lostAge) } }
}

extension Vault {
    /// Compares the chunk files with the chunks that the database names, in both directions; reads none of them.
    package func chunkInventory() throws -> ChunkInventory {
        let (named, wanted) = try read { database in
            (try StoredBlob.allChunks(database), try StoredBlob.chunksHere(database))
        }
        var result = ChunkInventory()
        let files = chunks.files()
        for (id, path) in files where !named.contains(id) {
            result.unnamed += 1
            result.unnamedBytes += DurableFile.size(path)
        }
        let lost = chunks.lost()
        for one in lost {
            result.lost += 1
            result.lostBytes += DurableFile.size(one.path)
            let since = result.lostSince ?? one.since...one.since
            result.lostSince = min(since.lowerBound, one.since)...max(since.upperBound, one.since)
        }
        let there = Set(files.map(\.id)).union(lost.map(\.id))
        result.missing = wanted.filter { !there.contains($0) }.sorted()
        return result
    }
}
