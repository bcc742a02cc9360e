// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Chunks on their way, several at once.
extension SyncEngine {
    /// Chunks of one direction.
    struct Transfers: Sendable {
        var queue: [ChunkID] = []
        var next = 0
        var underWay = 0
    }

    /// Chunks that are wanted here, of which the remote is asked page by page which it has.
    struct Wishes: Sendable {
        var list: [ChunkID] = []
        var next = 0
        /// Chunks that had come in this run when it was listed.
        var takenBefore = 0
        /// Whether there may be more than it has.
        var isFull = false
    }

    /// Chunks under way at once.
    static let parallelChunks = 8
    /// Chunks that are listed at once: 64 questions, whatever devices name that nobody has.
    static let listedChunks = 64 * WireLimits.chunkIDsPerQuery
    /// Chunks of one run that the remote says to have and does not give.
    static let brokenPromises = 256

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
            let done = chunkMarks.logs[device]?.seq ?? 0
            guard done < common else { continue }
            let page = try log.entries(of: device, after: done, limit: 64, byteLimit: WireLimits.pushBytes)
                .map { try Entry(parsing: $0) }.prefix { $0.seq <= common }
            guard !page.isEmpty else { continue }
            push.completed = Array(page)
            push.isNamed = true
            return try askFor(push.completed, reading: log)
        }
        beginDownloads()
    }

    /// The remote was set back to a copy, or has noticed that it lost chunks: it is asked about all of them again.
    mutating func forgetChunkMarks(_ generation: UInt64) {
        chunkMarks = ChunkMarks(generation: generation)
        emit(.setChunkMarks(chunkMarks))
    }

    /// The remote has the chunks of these entries, as far as they are here.
    mutating func moveChunkMarks(over entries: [Entry]) {
        for entry in entries where entry.seq == (chunkMarks.logs[entry.device]?.seq ?? 0) + 1 {
            chunkMarks.logs[entry.device] = entry.position
        }
        if !entries.isEmpty { emit(.setChunkMarks(chunkMarks)) }
    }

    mutating func beginDownloads() {
        phase = .downloading
        transfers = Transfers()
        emit(.listWanted(limit: Self.listedChunks))
    }

    mutating func download(_ ids: [ChunkID]) {
        wishes = Wishes(
            list: ids.filter { !absentChunks.contains($0) }, takenBefore: outcome.chunksTaken,
            isFull: ids.count == Self.listedChunks)
        askForOffers()
    }

    /// Asks which of the next page of wishes the remote has. More may be wanted than one list holds; a list of which
    /// nothing came ends the run.
    private mutating func askForOffers() {
        transfers = Transfers()
        let page = Array(wishes.list[wishes.next...].prefix(WireLimits.chunkIDsPerQuery))
        wishes.next += page.count
        if !page.isEmpty { return send(.missingChunks(page), for: .offers(page)) }
        if wishes.isFull, outcome.chunksTaken > wishes.takenBefore { beginDownloads() } else { finish() }
    }

    mutating func takeOffers(_ missing: [ChunkID], of page: [ChunkID]) {
        let missing = Set(missing)
        absentChunks.formUnion(page.filter { missing.contains($0) })
        transfers.queue = page.filter { !missing.contains($0) }
        pumpDownloads()
    }

    /// A chunk that the remote said to have did not come.
    mutating func isAbsent(_ id: ChunkID) {
        absentChunks.insert(id)
        promisesBroken += 1
        transfers.underWay -= 1
        if promisesBroken >= Self.brokenPromises {
            transfers.next = transfers.queue.count
            wishes.next = wishes.list.count
            wishes.isFull = false
        }
        pumpDownloads()
    }

    mutating func pumpDownloads() {
        while transfers.underWay < Self.parallelChunks, transfers.next < transfers.queue.count {
            let id = transfers.queue[transfers.next]
            transfers.next += 1
            transfers.underWay += 1
            send(.download(id), for: .download(id))
        }
        if transfers.underWay == 0 { askForOffers() }
    }
}
