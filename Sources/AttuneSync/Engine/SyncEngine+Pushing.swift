// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Sending the remote what it lacks, whoever made it.
extension SyncEngine {
    /// Entries on their way to the remote.
    struct Push: Sendable {
        var batch: [Entry] = []
        /// Entries that the remote has, whose chunks are on their way.
        var completed: [Entry] = []
        /// Chunk ids that the remote is still to be asked about.
        var questions: [[ChunkID]] = []
        /// All ids that it was or will be asked about.
        var asked: Set<ChunkID> = []
        /// Whether it has the entries that name them: what was released meanwhile is not wanted there.
        var isNamed = false
        /// Chunks that the remote took of those it was asked about last.
        var taken = 0
    }

    /// Sends the next entries in the order of their lamport numbers, to a relay after their chunks.
    mutating func pushNext(reading log: some SyncLogReading) throws {
        phase = .pushing
        push = Push()
        guard !isFull, !linksDiverged else { return beginDownloads() }
        push.batch = try nextBatch(reading: log)
        guard !push.batch.isEmpty else {
            keepMarks()
            guard !asksForWhatWasLost() else { return beginRound() }
            return options.isDirect ? askForWishes() : try completeChunks(reading: log)
        }
        guard !options.isDirect else { return sendBatch() }
        try askFor(push.batch, reading: log)
    }

    /// The chunks of these entries that are here.
    func chunksHere(of entries: [Entry], reading log: some SyncLogReading) throws -> [ChunkID] {
        var seen: Set<ChunkID> = []
        let ids = entries.flatMap(\.chunks).filter { seen.insert($0).inserted }
        guard !ids.isEmpty else { return [] }
        let absent = Set(try log.missingChunks(among: ids))
        return ids.filter { !absent.contains($0) }
    }

    /// Asks which chunks of these entries the remote lacks, of those that are here, and sends them.
    mutating func askFor(_ entries: [Entry], reading log: some SyncLogReading) throws {
        let ids = try chunksHere(of: entries, reading: log)
        push.asked = Set(ids)
        push.questions = stride(from: 0, to: ids.count, by: WireLimits.chunkIDsPerQuery).map {
            Array(ids[$0..<min($0 + WireLimits.chunkIDsPerQuery, ids.count)])
        }
        try askForMissing(reading: log)
    }

    private func nextBatch(reading log: some SyncLogReading) throws -> [Entry] {
        var queues: [DeviceID: (entries: ArraySlice<Entry>, cursor: UInt64)] = [:]
        func page(_ device: DeviceID, after seq: UInt64) throws -> ArraySlice<Entry> {
            try log.entries(of: device, after: seq, limit: 32, byteLimit: WireLimits.pushBytes)
                .map { try Entry(parsing: $0) }[...]
        }
        for (device, head) in heads where !unwelcome.contains(device) && !isForked(device) {
            let shown = remoteHeads[device]?.seq ?? 0
            if shown < head.seq { queues[device] = (try page(device, after: shown), shown) }
        }
        var batch: [Entry] = []
        var room = WireLimits.pushBytes - 64
        var chunks = 0
        while batch.count < WireLimits.entriesPerPush {
            let heads = queues.compactMap(\.value.entries.first)
            guard let entry = heads.min(by: { ($0.lamport, $0.device) < ($1.lamport, $1.device) }) else { break }
            room -= entry.bytes.count + 8
            chunks += entry.chunks.count
            guard batch.isEmpty || room >= 0 && chunks <= WireLimits.chunkIDsPerQuery else { break }
            batch.append(entry)
            queues[entry.device]?.entries.removeFirst()
            queues[entry.device]?.cursor = entry.seq
            if queues[entry.device]?.entries.isEmpty == true, entry.seq < self.heads[entry.device]?.seq ?? 0 {
                queues[entry.device]?.entries = try page(entry.device, after: entry.seq)
            }
        }
        return batch
    }

    private mutating func askForMissing(reading log: some SyncLogReading) throws {
        guard !push.questions.isEmpty else { return try pumpUploads(reading: log) }
        send(.missingChunks(push.questions.removeFirst(), ifNamed: push.isNamed), for: .missing)
    }

    /// A device that serves its circle is asked for the chunks it would like.
    private mutating func askForWishes() { send(.missingChunks([]), for: .missing) }

    mutating func missing(_ ids: [ChunkID], reading log: some SyncLogReading) throws {
        // Only what was asked about, and to a device only what it names itself.
        transfers.queue += push.asked.isEmpty ? ids : ids.filter { push.asked.contains($0) }
        try askForMissing(reading: log)
    }

    private mutating func sendBatch() { send(.pushEntries(push.batch.map(\.bytes)), for: .pushEntries) }

    /// All chunks that were asked about are there.
    mutating func uploadsDone(reading log: some SyncLogReading) throws {
        transfers = Transfers()
        if !push.batch.isEmpty { return sendBatch() }
        // A device says at once no more than one list of what it would like.
        if options.isDirect, push.taken > 0 {
            push = Push()
            return askForWishes()
        }
        guard !push.completed.isEmpty else { return beginDownloads() }
        moveChunkMarks(over: push.completed)
        try pushNext(reading: log)
    }

    mutating func pushed(_ outcomes: [ProtoPushOutcome], reading log: some SyncLogReading) throws {
        let batch = push.batch
        guard outcomes.count == batch.count else {
            return try fail(
                .malformed("\(outcomes.count) outcomes of \(batch.count) entries"), of: .pushEntries, reading: log)
        }
        var proofs: [Entry] = []
        var hasGap = false
        for (entry, result) in zip(batch, outcomes) where !unwelcome.contains(entry.device) {
            switch result {
            case .fork where chain.devices[entry.device]?.isActive == true:
                unwelcome.insert(entry.device)
                proofs.append(entry)
            case .new, .exists, .fork:
                // Of whom was shut out the chain says which half counts, and it goes beside the other one.
                if result != .exists { outcome.entriesSent += 1 }
                if entry.seq > remoteHeads[entry.device]?.seq ?? 0 {
                    remoteHeads[entry.device] = entry.position
                }
                backOff.reset()
            case .gap: hasGap = true
            case .full:
                unwelcome.insert(entry.device)
                let problem = SyncError.placesTaken(entry.device, isThis: entry.device == device, remoteName)
                emit(.log(.warning, problem.message))
                outcome.problems.append(problem)
            case .refused, .unspecified, .UNRECOGNIZED:
                unwelcome.insert(entry.device)
                emit(
                    .log(.warning, "The remote did not take entry \(entry.seq) of device \(entry.device.fingerprint)."))
                if entry.device == device { outcome.problems.append(.refused(remoteName, "it refused an entry")) }
            }
        }
        if hasGap { return nextRound(.misbehaved(remoteName, "it loses entries")) }
        keepMarks()
        guard proofs.isEmpty else {
            for entry in proofs { askForProof(of: entry.device, seq: entry.seq) }
            return
        }
        try pushNext(reading: log)
    }
}
