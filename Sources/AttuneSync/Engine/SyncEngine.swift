// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// How a device and one remote come to have the same links, entries and chunks, as a state machine: events in, effects
/// out, no clock and no changes of its own.
///
/// A run goes through comparing (frontier), links, pulling, applying, publishing, pushing, downloading. An entry is
/// accepted only when everything its frontier names is accepted, and entries are pushed in the order of their lamport
/// numbers, so what a device or a relay has is closed under causality at any time; a remote that shows an entry but
/// not what it names is hiding something. Nothing is published before the own log was compared with the remote's.
package struct SyncEngine: Sendable {
    /// What the store says when the engine starts.
    package struct Start: Sendable {
        package var device: DeviceID
        /// The remote's name for marks and evidence.
        package var remote: String
        /// The remote's name for people.
        package var remoteName: String
        package var known: KnownLogs
        package var ownMark: LogPosition?
        package var marks: [DeviceID: LogPosition]
        package var chunkMarks: ChunkMarks

        package init(
            device: DeviceID, remote: String, remoteName: String, known: KnownLogs, ownMark: LogPosition?,
            marks: [DeviceID: LogPosition], chunkMarks: ChunkMarks
        ) {
            self.device = device
            self.remote = remote
            self.remoteName = remoteName
            self.known = known
            self.ownMark = ownMark
            self.marks = marks
            self.chunkMarks = chunkMarks
        }
    }

    /// Where a run is.
    enum Phase: Hashable, Sendable {
        case idle, comparing, links, pulling, applying, publishing, pushing, downloading, waiting
    }

    /// What a request under way is for.
    enum Purpose: Hashable, Sendable {
        case frontier, links, allLinks, pushLinks(count: Int), pushBranch(count: Int)
        case page(DeviceID), forkProof(DeviceID, seq: UInt64)
        case missing, pushEntries, upload(ChunkID), offers([ChunkID]), download(ChunkID)
    }

    package let device: DeviceID
    package let remote: String
    package let remoteName: String
    let options: SyncOptions
    let rules: any LogRules

    var known: KnownLogs
    var ownMark: LogPosition?
    var marks: [DeviceID: LogPosition]
    var chunkMarks: ChunkMarks
    /// What was noticed in this run, be it new or not.
    var noticed: Set<Suspicion> = []
    /// Whether the remote was asked in this run whether it shows again what it had lost.
    var hasAskedAgain = false

    var chain: DeviceChain { known.chain }
    var heads: [DeviceID: LogPosition] { known.heads }
    var open: Set<Suspicion> { known.open }

    var phase = Phase.idle
    var effects: [SyncEffect] = []
    var purposes: [Int: Purpose] = [:]
    var lastTicket = 0
    var backOff: SyncBackOff
    var outcome = SyncOutcome()
    /// A start that came while a run was under way.
    var startsAgain = false

    /// What the remote has, as far as this run knows; entries past a cut-off are not counted.
    var remoteHeads: [DeviceID: LogPosition] = [:]
    var frontier: RemoteFrontier?
    /// Whether the own log was compared with a remote's since the engine started.
    var ownCompared = false
    var needsApply = true
    /// Devices whose entries are not pulled again in this run.
    var stalled: Set<DeviceID> = []
    /// Devices whose entries the remote did not take in this run.
    var unwelcome: Set<DeviceID> = []
    var isFull = false
    /// The remote has another branch of the device chain, ours counts, and it does not take ours.
    var linksDiverged = false
    var hasPushedBranch = false
    var wasClockAdjusted = false
    /// Rounds since anything was accepted.
    var fruitlessRounds = 0

    var pulls: [DeviceID: Pull] = [:]
    var push = Push()
    var transfers = Transfers()
    var wishes = Wishes()
    var absentChunks: Set<ChunkID> = []
    var promisesBroken = 0

    package init(_ start: Start, options: SyncOptions, rules: any LogRules = CircleRules()) {
        device = start.device
        remote = start.remote
        remoteName = start.remoteName
        self.options = options
        self.rules = rules
        known = start.known
        ownMark = start.ownMark
        marks = start.marks
        chunkMarks = start.chunkMarks
        backOff = SyncBackOff(seed: options.seed)
    }

    /// Takes an event and says what is to be done, in order.
    ///
    /// - Parameter log: the store as it is after all earlier effects.
    /// - Throws: what `log` throws; the engine is of no use any more then.
    package mutating func handle(_ event: SyncEvent, reading log: some SyncLogReading) throws -> [SyncEffect] {
        switch event {
        case .start:
            if phase == .idle { beginRun() } else { startsAgain = true }
        case .answer(let ticket, let answer):
            if let purpose = purposes.removeValue(forKey: ticket) { try take(answer, to: purpose, reading: log) }
        case .applied:
            guard phase == .applying else { break }
            if options.takesEntriesOnly { finish() } else { try publishNext(reading: log) }
        case .published(let entry):
            if phase == .publishing { try published(entry, reading: log) }
        case .wanted(let ids):
            if phase == .downloading { download(ids) }
        case .tick:
            if phase == .waiting { beginRound() }
        case .paused:
            if phase != .idle { stop(.paused) }
        }
        defer { effects = [] }
        return effects
    }

    private mutating func take(_ answer: SyncAnswer, to purpose: Purpose, reading log: some SyncLogReading) throws {
        switch (purpose, answer) {
        case (_, .failed(let failure)): try fail(failure, of: purpose, reading: log)
        case (.frontier, .frontier(let shown)): try compareLinks(shown, reading: log)
        case (.links, .links(let links)): try takeLinks(links, reading: log)
        case (.allLinks, .links(let links)): try compareBranches(links, reading: log)
        case (.pushLinks(let count), .linksTaken), (.pushBranch(let count), .linksTaken):
            outcome.linksSent += count
            beginRound()
        case (.page(let device), .entries(let entries, _)): try takePage(entries, of: device, reading: log)
        case (.forkProof(let device, let seq), .entries(let entries, _)):
            try takeProof(entries, of: device, seq: seq, reading: log)
        case (.missing, .missingChunks(let ids)): try missing(ids, reading: log)
        case (.pushEntries, .pushed(let outcomes)): try pushed(outcomes, reading: log)
        case (.upload, .uploaded):
            outcome.chunksSent += 1
            push.taken += 1
            backOff.reset()
            transfers.underWay -= 1
            try pumpUploads(reading: log)
        case (.download, .downloaded):
            outcome.chunksTaken += 1
            backOff.reset()
            transfers.underWay -= 1
            pumpDownloads()
        case (.offers(let page), .missingChunks(let missing)): takeOffers(missing, of: page)
        case (.download(let id), .wrongChunk):
            doubt("a chunk has other bytes than its id says")
            isAbsent(id)
        default: try fail(.malformed("an answer to another question"), of: purpose, reading: log)
        }
    }
}
