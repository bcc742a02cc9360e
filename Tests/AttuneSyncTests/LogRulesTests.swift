// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneWire
import Foundation
import SwiftProtobuf
import Testing

/// One entry comes to the same thing however it comes.
@Suite struct LogRulesTests {
    /// What became of an entry that somebody gave.
    enum End: Hashable {
        case taken, known, waiting, forked, refused
    }

    /// What is open after it, of what an entry can show; a log that a remote shows in part is the remote's doing.
    struct Result: Hashable, CustomStringConvertible {
        let end: End
        let evidence: Set<Suspicion>
        var description: String {
            "\(end) \(evidence.map { "\($0.kind) by \($0.author?.fingerprint ?? "-") about \($0.subject.fingerprint) at \($0.seq)" })"
        }
    }

    /// A random state of a device, and a random entry that another one gives it.
    struct Case {
        let links: [Link]
        let chain: DeviceChain
        let logs: [DeviceID: [Entry]]
        let evidence: [SyncEvidence]
        let entry: Entry
        let reader: SimulatedIdentity
        let key: [UInt8]
    }

    @Test(arguments: 0..<8 as Range<UInt64>) func pullingAndPushingAgree(block: UInt64) throws {
        var ends: [End: Int] = [:]
        var contradictions = 0
        // Ten thousand in the slow run, a fifth of them always.
        let count: UInt64 = SimulationTests.isSlow ? 1250 : 250
        for seed in block * 10_000..<block * 10_000 + count {
            var random = SimulationRandom(seed: seed)
            let example = try Self.example(&random)
            let (pushed, pulled) = (try Self.push(example), try Self.pull(example))
            #expect(pushed == pulled, "seed \(seed): pushed \(pushed), pulled \(pulled)")
            ends[pushed.end, default: 0] += 1
            if pushed.evidence.contains(where: { $0.kind == .contradiction }) { contradictions += 1 }
        }
        // Each end is met, or the test shows nothing.
        for end in [End.taken, .known, .waiting, .forked, .refused] {
            #expect(ends[end] ?? 0 > Int(count) / 100, "\(end): \(ends)")
        }
        #expect(contradictions > Int(count) / 100)
    }

    /// Rules of which one was bent, for one way only, are found out by the same comparison.
    @Test func aRuleThatCountsForOneWayOnlyIsCaught() throws {
        var differs = false
        for seed in 0..<400 as Range<UInt64> where !differs {
            var random = SimulationRandom(seed: seed)
            let example = try Self.example(&random)
            differs = try Self.push(example, by: LaterEpochsAreRefused()) != Self.pull(example)
        }
        #expect(differs)
    }

    /// As pushed entries were judged once: one of an epoch that no link has begun here was refused.
    private struct LaterEpochsAreRefused: LogRules {
        func verdict(on entry: Entry, in logs: KnownLogs, reading log: some SyncLogReading) throws -> Verdict {
            if entry.epoch > logs.chain.epoch { return .refuse(Refusal(reason: "its epoch", isSigned: false)) }
            return try CircleRules().verdict(on: entry, in: logs, reading: log)
        }
    }

    // MARK: Cases

    private static func example(_ random: inout SimulationRandom) throws -> Case {
        let devices = (0..<4).map { _ in SimulatedIdentity(&random) }
        var chain = try DeviceChain(genesis: SimulatedLinks.genesis(devices[0]))
        var links = [try SimulatedLinks.genesis(devices[0])]
        func append(_ link: Link) throws {
            try chain.append(link)
            links.append(link)
        }
        for device in devices[1...2] {
            try append(SimulatedLinks.add(device, by: devices[0], to: chain))
            try append(SimulatedLinks.epoch(by: devices[0], on: chain))
        }
        let key = random.bytes(32)
        var logs: [DeviceID: [Entry]] = [:]
        var lamport: UInt64 = 0
        func write(
            _ device: SimulatedIdentity, after log: [Entry], change: (inout ProtoEntryHeader) -> Void = { _ in }
        ) throws -> Entry {
            let place = EntryPlace(
                circle: chain.circle, device: device.id, seq: UInt64(log.count) + 1,
                previous: log.last?.hash ?? .zero, epoch: chain.epoch,
                lamport: lamport + 1, frontier: logs.compactMapValues(\.last?.position).filter { $0.key != device.id })
            let draft = EntryDraft(id: 1, kind: .change, payload: random.bytes(8), parents: [], chunks: [])
            let bytes = try SimulatedAuthor(identity: device, key: key).write(draft, at: place)
            var header = try ProtoEntryHeader(serializedBytes: ProtoSignedEntry(serializedBytes: bytes).header)
            change(&header)
            return try Entry(parsing: device.entry(header, sealed: Entry(parsing: bytes).sealed))
        }
        for _ in 0..<Int.random(in: 2...9, using: &random) {
            let device = devices[Int.random(in: 0...2, using: &random)]
            logs[device.id, default: []].append(try write(device, after: logs[device.id] ?? []))
            lamport += 1
        }
        if random.percent(30), let last = logs[devices[2].id] {
            let count = Int.random(in: 0...last.count, using: &random)
            let position = count == 0 ? nil : last[count - 1].position
            try append(SimulatedLinks.revoke(devices[2].id, last: position, by: devices[0], on: chain))
            // What the others name of it they do not have any more, or have for good.
            if random.percent(50) { logs[devices[2].id] = Array(last.prefix(count)) } else { logs[devices[2].id] = [] }
            logs = logs.filter { !$0.value.isEmpty }
        }
        let author = devices[random.percent(5) ? 3 : Int.random(in: 1...2, using: &random)]
        let log = logs[author.id] ?? []
        let other = devices[author.id == devices[1].id ? 2 : 1].id
        let kind = Int.random(in: 0...11, using: &random)
        let jump = random.percent(50) ? UInt64.random(in: 1...4, using: &random) : 1 << 21
        func name(_ seq: UInt64, _ hash: EntryHash, _ header: inout ProtoEntryHeader) {
            header.frontier.removeAll { $0.device == Data(other.bytes) }
            header.frontier.append(
                .with {
                    $0.device = Data(other.bytes)
                    $0.seq = seq
                    $0.entry = Data(hash.bytes)
                })
            header.frontier.sort { Array($0.device).lexicographicallyPrecedes(Array($1.device)) }
        }
        let noise = EntryHash(random.bytes(32))!
        var entry: Entry
        // An entry that a remote gives out of its turn is not looked at any further, be it signed or cut off.
        let isActive = chain.devices[author.id]?.isActive == true
        switch kind {
        case 0: entry = try log.randomElement(using: &random) ?? write(author, after: log)
        case 1: entry = try write(author, after: Array(log.dropLast(Int.random(in: 0...log.count, using: &random))))
        case 2 where isActive:
            entry = try write(author, after: log) {
                $0.seq += 1
                $0.lamport += 1
                $0.previous = Data(noise.bytes)
            }
        case 3 where isActive && !log.isEmpty: entry = try write(author, after: log) { $0.previous = Data(noise.bytes) }
        case 4, 5:
            let seq = UInt64(logs[other]?.count ?? 0) + jump
            entry = try write(author, after: log) { name(seq, noise, &$0) }
        case 6, 7:
            let seq = UInt64.random(in: 1...UInt64(max(logs[other]?.count ?? 0, 1)), using: &random)
            entry = try write(author, after: log) { name(seq, noise, &$0) }
        case 8: entry = try write(author, after: log) { $0.lamport += jump }
        case 9: entry = try write(author, after: log) { $0.epoch += 1 }
        case 10: entry = try write(author, after: log) { $0.circle = Data(noise.bytes) }
        default: entry = try write(author, after: log)
        }
        if kind != 2, kind != 3, random.percent(8) {
            var signed = try ProtoSignedEntry(serializedBytes: entry.bytes)
            signed.signature[5] ^= 1
            entry = try Entry(parsing: signed.serializedBytes())
        }
        var evidence: [SyncEvidence] = []
        if random.percent(15) {
            let device = devices[Int.random(in: 1...2, using: &random)].id
            if chain.devices[device]?.isActive == true, logs[device] != nil {
                evidence.append(
                    SyncEvidence(Suspicion(.fork, by: device, about: device, seq: 1), held: [], other: [], remote: "x"))
            }
        }
        return Case(
            links: links, chain: chain, logs: logs, evidence: evidence, entry: entry, reader: devices[0], key: key)
    }

    // MARK: Both ways

    private static func store(_ example: Case) throws -> SimulatedStore {
        let store = SimulatedStore(device: example.reader.id, links: example.links)
        // What a device said of one that was shut out may be here no more.
        store.admitCulprits()
        // In an order that keeps causes first.
        try store.accept(example.logs.values.joined().sorted { ($0.lamport, $0.device) < ($1.lamport, $1.device) })
        for piece in example.evidence { _ = try store.record(piece) }
        return store
    }

    private static func evidence(_ store: SimulatedStore) -> Set<Suspicion> {
        Set(
            store.state.evidence.filter { !$0.isSettled && [.fork, .contradiction].contains($0.suspicion.kind) }
                .map(\.suspicion))
    }

    private static func push(_ example: Case, by rules: some LogRules = CircleRules()) throws -> Result {
        let store = try store(example)
        let outcome = try EntryReceiver.take(
            [example.entry.bytes], from: "peer", chain: example.chain, into: store, by: rules)[0]
        let end: End =
            switch outcome {
            case .new: .taken
            case .exists: .known
            case .gap: .waiting
            // Of a forked log nothing is pulled.
            case .fork where isForked(example): .waiting
            case .refused where isForked(example): .waiting
            case .fork: .forked
            default: .refused
            }
        return Result(end: end, evidence: evidence(store))
    }

    /// A remote that has what is here, and of the entry's author the entry beside or behind it.
    private static func pull(_ example: Case) throws -> Result {
        let store = try store(example)
        let entry = example.entry
        let before = evidence(store)
        var machine = try SyncMachine(
            store: store, remote: "peer", author: SimulatedAuthor(identity: example.reader, key: example.key),
            applier: NoApplier(), options: SyncOptions(attempts: 2, isDirect: true, takesEntriesOnly: true, seed: 1),
            chain: example.chain)
        var heads = example.logs.compactMapValues(\.last?.position)
        heads[entry.device] = entry.position
        let frontier = RemoteFrontier(heads: heads, linkSeq: example.chain.seq, link: example.chain.head)
        var outcome: SyncOutcome?
        var events: [SyncEvent] = [.start]
        while !events.isEmpty, outcome == nil {
            for action in try machine.handle(events.removeFirst()) {
                switch action {
                case .send(let ticket, .frontier): events.append(.answer(ticket, .frontier(frontier)))
                case .send(let ticket, .entries(let device, let seq, let limit)):
                    var log = example.logs[device] ?? []
                    if device == entry.device {
                        log = log.filter { $0.seq < entry.seq } + [entry]
                    }
                    let page = log.filter { $0.seq > seq }.prefix(limit).map(\.bytes)
                    events.append(.answer(ticket, .entries(Array(page), more: false)))
                case .finished(let done): outcome = done
                default: break
                }
            }
        }
        let done = try #require(outcome)
        let isHere = store.state.logs[entry.device]?.contains { $0.hash == entry.hash } ?? false
        let wasHere = example.logs[entry.device]?.contains { $0.hash == entry.hash } ?? false
        let isForked = evidence(store).subtracting(before).contains { $0.kind == .fork }
        let end: End =
            if wasHere {
                .known
            } else if isHere {
                .taken
            } else if isForked {
                .forked
            } else if Self.waits(done, store) || Self.isForked(example)
                || done.problems.isEmpty && Self.isCountedOfAnOutsider(example)
            {
                .waiting
            } else {
                .refused
            }
        return Result(end: end, evidence: evidence(store))
    }

    /// Whether the entry counts though its author was shut out, and names what nobody gives: that is held against nobody.
    private static func isCountedOfAnOutsider(_ example: Case) -> Bool {
        let entry = example.entry
        guard let revocation = example.chain.devices[entry.device]?.revocation,
            entry.seq < revocation.lastSeq || entry.seq == revocation.lastSeq && entry.hash == revocation.lastEntry
        else { return false }
        func count(_ device: DeviceID) -> UInt64 { UInt64(example.logs[device]?.count ?? 0) }
        return entry.seq == count(entry.device) + 1
            && entry.frontier.contains { $0.value.seq > count($0.key) }
            && entry.frontier.allSatisfy { CircleRules().reaches($0.value.seq, from: count($0.key)) }
    }

    /// Whether the log of the entry's author was forked before.
    private static func isForked(_ example: Case) -> Bool {
        example.evidence.contains { $0.suspicion.subject == example.entry.device }
    }

    /// Whether a run ended because something that an entry names never came.
    private static func waits(_ outcome: SyncOutcome, _ store: SimulatedStore) -> Bool {
        store.state.evidence.contains { $0.suspicion.kind == .hidden }
            || outcome.problems.contains {
                $0.message.contains("key epoch") || $0.message.contains("and names another")
                    || $0.message.contains("other entries than those asked for")
            }
    }
}
