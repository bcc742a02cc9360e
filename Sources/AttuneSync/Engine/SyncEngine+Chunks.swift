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
    /// Chunks that are listed at once, those that turned out to be absent not counted.
    static let listedChunks = 1024

    mutating func pumpUploads(reading log: some SyncLogReading) throws {
        while transfers.underWay < Self.parallelChunks, transfers.next < transfers.queue.count {
            let id = transfers.queue[transfers.next]
            transfers.next += 1
            transfers.underWay += 1
            send(.upload(id), for: .upload(id))
        }
        if transfers.underWay == 0 { try uploadsDone(reading: log) }
    }

    /// Sees to the chunks of entries that the relay has: whoever has them sends them.
    ///
    /// An entry may have come by another way, such as from a device that had the entry only. And what this device sent
    /// before the entry that names it counts only now: until then a relay drops it after a day.
    mutating func completeChunks(reading log: some SyncLogReading) throws {
        for (device, head) in heads.sorted(by: { $0.key < $1.key }) where !isForked(device) {
            let common = min(head.seq, remoteHeads[device]?.seq ?? 0)
            let done = chunkMarks[device]?.seq ?? 0
            guard done < common else { continue }
            let page = try log.entries(of: device, after: done, limit: 64, byteLimit: WireLimits.pushBytes)
                .map { try Entry(parsing: $0) }.prefix { $0.seq <= common }
            guard !page.isEmpty else { continue }
            push.completed = Array(page)
            return try askFor(push.completed, reading: log)
        }
        beginDownloads()
    }

    /// The remote has the chunks of these entries, as far as they are here.
    mutating func moveChunkMarks(over entries: [Entry]) {
        for entry in entries where entry.seq == (chunkMarks[entry.device]?.seq ?? 0) + 1 {
            chunkMarks[entry.device] = entry.position
        }
        if !entries.isEmpty { emit(.setChunkMarks(chunkMarks)) }
    }

    mutating func beginDownloads() {
        phase = .downloading
        transfers = Transfers()
        // Those that the remote does not have stand in the list again, before others that it may have.
        emit(.listWanted(limit: Self.listedChunks + absentChunks.count))
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
        // More may be wanted than one list holds. A list with nothing new in it ends the run.
        if transfers.queue.isEmpty { finish() } else { beginDownloads() }
    }
}
