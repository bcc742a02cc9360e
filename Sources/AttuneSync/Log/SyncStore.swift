// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What sync needs of the store of a device.
///
/// Calls block and may come from any thread, never two at once from one session, but for `storeChunk` and `chunkPath`,
/// of which several may be under way beside anything else. Each call is one transaction: it
/// happens whole or, if it throws or the power fails, not at all. Calls marked *durable* return only once the change
/// has reached the disk (FULL sync); the others may be lost with the power, and sync finds out again what they said.
/// Everything handed in has been verified. Throws are the store's own errors and end the session.
package protocol SyncStore: SyncLogReading, Sendable {
    /// The circle's id: the hash of its genesis link.
    var circle: CircleID { get }
    /// This device.
    var device: DeviceID { get }

    // MARK: Links

    /// Signed links as received, with seq above `seq`, in order, at most `limit`.
    func links(after seq: UInt64, limit: Int) throws -> [[UInt8]]

    /// *Durable.* Keeps the links up to `seq`, drops those above it and appends `links`, which follow on each other.
    ///
    /// For each device in `cutOffs` entries above its seq are dropped from the log (their versions no longer count as
    /// the circle's; whatever else refers to them stays), with their wanted chunks.
    ///
    /// - Returns: what adapters here come to without those entries.
    @discardableResult
    func replaceLinks(after seq: UInt64, with links: [Link], cutOffs: [DeviceID: UInt64]) throws -> CutOffEffects

    // MARK: Log

    /// The newest accepted entry of each device that has one, this device included.
    func heads() throws -> [DeviceID: LogPosition]

    /// The largest lamport number of any accepted entry but those beyond `cutOffs`; 0 if there is none.
    func largestLamport(besides cutOffs: [DeviceID: UInt64]) throws -> UInt64

    /// The hash of the accepted entry of `device` at `seq`.
    func entryHash(of device: DeviceID, seq: UInt64) throws -> EntryHash?

    /// Signed entries of `device` exactly as received, with seq above `seq`, in order; at most `limit`, and no more
    /// than fit in `byteLimit`, but at least one if there is one.
    func entries(of device: DeviceID, after seq: UInt64, limit: Int, byteLimit: Int) throws -> [[UInt8]]

    /// The accepted entry with this hash, as received.
    func entry(_ hash: EntryHash) throws -> [UInt8]?

    /// *Durable.* Appends entries that follow on the heads; several devices may be mixed, each in order of seq.
    ///
    /// Everything an entry's frontier names is accepted before it, so a parent is always there before its child (unless
    /// it was cut off). An entry that is accepted already is passed over. Entries of this device itself come here too,
    /// after a restore; the store then drops the draft that such an entry was made from, if it is there again.
    func accept(_ entries: [Entry]) throws

    // MARK: Outbox

    /// How many drafts wait.
    func draftCount() throws -> Int

    /// The oldest draft, its parents resolved to entry hashes.
    func nextDraft() throws -> EntryDraft?

    /// *Durable.* Takes the draft out of the outbox and makes `entry` the newest of this device's log, then moves
    /// `ownMark` to it. Returns before anything is sent.
    ///
    /// - Throws: if `entry` does not follow on this device's head, or there is no such draft.
    func publish(_ draft: Int64, as entry: Entry) throws

    /// The newest own head that was ever published here, from the file beside the database: ahead of `heads()` if
    /// the database alone was set back.
    func ownMark() throws -> LogPosition?

    // MARK: Remotes

    /// The highest head of each device that a remote has shown; empty if it was never asked.
    func marks(of remote: String) throws -> [DeviceID: LogPosition]

    /// Replaces them.
    func setMarks(_ marks: [DeviceID: LogPosition], of remote: String) throws

    /// Up to where a remote was offered the chunks of each log; before an entry whose chunks have come here since then.
    func chunkMarks(of remote: String) throws -> ChunkMarks

    /// Replaces them.
    func setChunkMarks(_ marks: ChunkMarks, of remote: String) throws

    // MARK: Evidence

    /// *Durable.* Keeps a piece of evidence; one of the same suspicion and remote stays as it is, but is open again.
    ///
    /// - Returns: false if its author has as much against others here as is kept, so that this piece is not.
    func record(_ evidence: SyncEvidence) throws -> Bool

    /// All of it, oldest first.
    func evidence() throws -> [SyncEvidence]

    /// Settles all evidence of these suspicions; names that it stopped move.
    func settle(_ suspicions: Set<Suspicion>) throws

    // MARK: Chunks

    /// Ids of chunks of accepted versions that are wanted here (pinned, or asked for) and not here, at most `limit`,
    /// in a stable order: those of one version together.
    func wantedChunks(limit: Int) throws -> [ChunkID]

    /// Those of `ids` that are not in the store.
    func missingChunks(among ids: [ChunkID]) throws -> [ChunkID]

    /// Keeps a chunk under its id, which has been compared with its bytes. A torn file may be left by a power cut,
    /// but never counts as there.
    func storeChunk(_ id: ChunkID, bytes: [UInt8]) throws

    /// The file of a chunk, of a size that a chunk can have; nil if it is not here.
    func chunkPath(_ id: ChunkID) throws -> String?

    // MARK: Settings and log

    func settings() throws -> SyncSettings

    /// *Durable.*
    func update(_ settings: SyncSettings) throws

    /// Adds a line with the time of now; the store keeps the newest 10,000.
    func append(_ line: SyncLogLine) throws

    /// Lets other processes use the store, between two steps.
    func yieldLock()
}

extension SyncStore {
    /// As `replaceLinks(after:with:cutOffs:)`, and says in the sync log what adapters come to.
    ///
    /// - Parameters:
    ///   - remote: the name for people of the remote that the links came from; empty if they did not.
    ///   - name: what people call a device.
    /// - Returns: the lines of the log, which are news.
    func replaceLinks(
        after seq: UInt64, with links: [Link], cutOffs: [DeviceID: UInt64], from remote: String,
        naming name: (DeviceID) -> String
    ) throws -> [String] {
        let changes = try replaceLinks(after: seq, with: links, cutOffs: cutOffs).sentences
        guard !changes.isEmpty else { return [] }
        let devices = cutOffs.keys.sorted().map(name).joined(separator: ", ")
        let news = ["Without what counts no longer of \(devices), adapters here are others."] + changes
        for line in news { try append(SyncLogLine(level: .warning, remote: remote, text: line)) }
        return news
    }

    /// *Durable.* Notes that the relay has all links up to `seq`, or another device where there is no relay.
    package func note(linksTold seq: UInt64, toRelay: Bool) throws {
        var settings = try settings()
        guard toRelay || settings.relay == nil, settings.linksTold != seq else { return }
        settings.linksTold = seq
        try update(settings)
    }
}

/// Up to where a remote has the chunks of each log, as far as this device has them.
package struct ChunkMarks: Hashable, Sendable {
    package var logs: [DeviceID: LogPosition]
    /// The remote's generation of chunks that this is about, at most 2^63 - 1; 0 if it says none.
    package var generation: UInt64

    package init(_ logs: [DeviceID: LogPosition] = [:], generation: UInt64 = 0) {
        self.logs = logs
        self.generation = generation
    }
}
