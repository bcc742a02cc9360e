// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Chunks on their way, several at once.
extension SyncEngine {
    /// Chunks of one direction.
    struct Transfers: Sendable {
        var queue: [Digest256] = []
        var next = 0
        var underWay = 0
    }

    /// Chunks under way at once.
    static let parallelChunks = 8

    mutating func pumpUploads() {
        while transfers.underWay < Self.parallelChunks, transfers.next < transfers.queue.count {
            let id = transfers.queue[transfers.next]
            transfers.next += 1
            transfers.underWay += 1
            send(.upload(id), for: .upload(id))
        }
        if transfers.underWay == 0 { uploadsDone() }
    }

    mutating func beginDownloads() {
        phase = .downloading
        transfers = Transfers()
        tookChunks = false
        emit(.listWanted)
    }

    mutating func download(_ ids: [Digest256]) {
        transfers = Transfers()
        transfers.queue = ids.filter { !absentChunks.contains($0) }
        pumpDownloads()
    }

    mutating func pumpDownloads() {
        while transfers.underWay < Self.parallelChunks, transfers.next < transfers.queue.count {
            let id = transfers.queue[transfers.next]
            transfers.next += 1
            transfers.underWay += 1
            send(.download(id), for: .download(id))
        }
        guard transfers.underWay == 0 else { return }
        // More may be wanted than one list holds.
        if tookChunks { beginDownloads() } else { finish() }
    }
}
