// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What is left to do outside the store.
package enum SyncAction: Sendable {
    /// Ask the remote, and hand the answer in with this ticket.
    case send(ticket: Int, SyncRequest)
    /// Answers to requests under way are no longer needed.
    case cancelRequests
    /// Sign requests with this difference to the clock, in milliseconds.
    case adjustClock(Int64)
    /// Say `tick` after this many milliseconds.
    case wait(milliseconds: Int)
    /// The run is over.
    case finished(SyncOutcome)
}

/// The engine with its store: does the effects that concern the store, and hands out the others.
///
/// Blocks while the store does. After an error it is of no use; a new one starts from what the store has.
package struct SyncMachine: Sendable {
    private var engine: SyncEngine
    private let store: any SyncStore
    private let author: any EntryAuthor
    private let applier: any EntryApplying
    /// What the run under way has to tell.
    private var news: [String] = []

    /// - Parameters:
    ///   - remote: the remote's name, under which marks and evidence are kept.
    ///   - remoteName: its name for people; `remote` if nil.
    ///   - applier: called before anything is published; what it says is news of the run.
    ///   - chain: the store's links where they have been verified already; nil to verify them.
    /// - Throws: the store's errors; `WireError` if its own links do not verify.
    package init(
        store: any SyncStore, remote: String, remoteName: String? = nil, author: any EntryAuthor,
        applier: any EntryApplying, options: SyncOptions,
        rules: any LogRules = CircleRules(), chain verified: DeviceChain? = nil
    ) throws {
        self.store = store
        self.author = author
        self.applier = applier
        let chain = try verified ?? DeviceChain(verifying: try store.links(after: 0, limit: Int(WireLimits.links)))
        engine = SyncEngine(
            SyncEngine.Start(
                device: store.device, remote: remote, remoteName: remoteName ?? remote,
                known: try KnownLogs(of: store, chain: chain),
                ownMark: try store.ownMark(), marks: try store.marks(of: remote),
                chunkMarks: try store.chunkMarks(of: remote)),
            options: options, rules: rules)
    }

    /// Chunks of the transfer under way, and how many of them are done.
    package var chunks: (done: Int, total: Int) {
        (engine.transfers.next - engine.transfers.underWay, engine.transfers.queue.count)
    }

    package mutating func handle(_ event: SyncEvent) throws -> [SyncAction] {
        var actions: [SyncAction] = []
        var events = [event]
        while !events.isEmpty {
            for effect in try engine.handle(events.removeFirst(), reading: StoreReading(store: store)) {
                if let next = try perform(effect, &actions) { events.append(next) }
            }
        }
        return actions
    }

    private mutating func perform(_ effect: SyncEffect, _ actions: inout [SyncAction]) throws -> SyncEvent? {
        switch effect {
        case .send(let ticket, let request): actions.append(.send(ticket: ticket, request))
        case .cancelRequests: actions.append(.cancelRequests)
        case .wait(let milliseconds): actions.append(.wait(milliseconds: milliseconds))
        case .finished(var outcome):
            if let suspicion = outcome.suspicion {
                outcome.problems.append(.suspicious(suspicion.sentence(naming: name(of:))))
            }
            try keep(outcome.deletion, isCertain: outcome.deletion != nil || outcome.isComplete)
            if let seq = outcome.linksTold { try store.note(linksTold: seq, toRelay: !engine.options.isDirect) }
            (outcome.news, news) = (news + outcome.news, [])
            if let obstacle = author.obstacle() { outcome.problems.append(obstacle) }
            actions.append(.finished(outcome))
        case .replaceLinks(let seq, let links, let cutOffs):
            news += try store.replaceLinks(
                after: seq, with: links, cutOffs: cutOffs, from: engine.remoteName, naming: author.label)
        case .announce(let links):
            for (level, text) in LinkNews.lines(of: links, on: store.device, labels: author.label) {
                try store.append(SyncLogLine(level: level, remote: engine.remoteName, text: text))
                news.append(text)
            }
        case .accept(let entries): try store.accept(entries)
        case .applyEntries:
            news += try applier.apply()
            return .applied
        case .publishNext(let place): return .published(try store.publishDraft(at: place, by: author))
        case .listWanted(let limit): return .wanted(try store.wantedChunks(limit: limit))
        case .setMarks(let marks): try store.setMarks(marks, of: engine.remote)
        case .setChunkMarks(let marks): try store.setChunkMarks(marks, of: engine.remote)
        case .record(let evidence): try store.note(evidence, by: engine.remoteName, naming: name(of:))
        case .settle(let suspicions): try store.settle(suspicions)
        case .log(let level, let text):
            try store.append(SyncLogLine(level: level, remote: engine.remoteName, text: text))
        case .adjustClock(let offset):
            var settings = try store.settings()
            settings.clockOffset = settings.clockOffset.addingReportingOverflow(offset).partialValue
            try store.update(settings)
            actions.append(.adjustClock(settings.clockOffset))
        }
        return nil
    }

    /// What people call a device.
    private func name(of device: DeviceID) -> String {
        device == store.device ? "this device" : author.label(of: device)
    }

    /// Keeps whether the circle was deleted at its relay, for who asks later.
    private func keep(_ deletion: SyncSettings.Deletion?, isCertain: Bool) throws {
        guard isCertain, !engine.options.isDirect else { return }
        var settings = try store.settings()
        guard settings.deletion != deletion else { return }
        settings.deletion = deletion
        try store.update(settings)
    }

    /// Only the questions of a store.
    private struct StoreReading: SyncLogReading {
        let store: any SyncStore

        func links(after seq: UInt64, limit: Int) throws -> [[UInt8]] { try store.links(after: seq, limit: limit) }
        func largestLamport(besides cutOffs: [DeviceID: UInt64]) throws -> UInt64 {
            try store.largestLamport(besides: cutOffs)
        }
        func entryHash(of device: DeviceID, seq: UInt64) throws -> EntryHash? {
            try store.entryHash(of: device, seq: seq)
        }
        func entries(of device: DeviceID, after seq: UInt64, limit: Int, byteLimit: Int) throws -> [[UInt8]] {
            try store.entries(of: device, after: seq, limit: limit, byteLimit: byteLimit)
        }
        func missingChunks(among ids: [ChunkID]) throws -> [ChunkID] { try store.missingChunks(among: ids) }
    }
}
