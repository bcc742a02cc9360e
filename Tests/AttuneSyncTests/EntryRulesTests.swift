// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneTestSupport
import AttuneWire
import Foundation
import SwiftProtobuf
import Testing

/// Which entries a device takes from a remote, and from a device that pushes to it.
@Suite struct EntryRulesTests {
    let circle: Simulation

    init() throws {
        circle = try Simulation(seed: 2, quiet: 3)
        circle.isHonest = false
    }

    private func entry(
        _ index: Int, seq: UInt64 = 1, after previous: Entry? = nil, lamport: UInt64 = 1, word: String = "x",
        frontier: [DeviceID: LogPosition] = [:]
    ) throws -> Entry {
        let identity = circle.devices[index].identity
        let place = EntryPlace(
            circle: circle.relay.chain.circle, device: identity.id, seq: seq, previous: previous?.hash ?? .zero,
            epoch: circle.relay.chain.epoch, lamport: lamport, frontier: frontier)
        let draft = EntryDraft(id: 1, kind: .change, payload: Array(word.utf8), parents: [], chunks: [])
        return try Entry(parsing: SimulatedAuthor(identity: identity, key: circle.key).write(draft, at: place))
    }

    private func sync(_ index: Int) throws -> [String] {
        try circle.sync(index)
        try circle.advance(until: circle.now + 7_200_000)
        return circle.devices[index].lastProblems.map(\.code)
    }

    @Test func entriesOfANewerVersionWaitAndOtherLogsGoOn() throws {
        let newer = circle.devices[2]
        circle.relay.logs[circle.devices[1].id] = [try entry(1)]
        var signed = try ProtoSignedEntry(serializedBytes: try entry(2).bytes)
        var header = try ProtoEntryHeader(serializedBytes: signed.header)
        header.version = 2
        signed.header = try header.serializedData()
        let bytes: [UInt8] = try signed.serializedBytes()
        let hash = Entry.hash(header: Array(signed.header), sealed: Array(signed.sealed))
        circle.relay.lie = { request, answer, _ in
            switch (request, answer) {
            case (.frontier, .frontier(var frontier)):
                frontier.heads[newer.id] = LogPosition(seq: 1, hash: hash)
                return .frontier(frontier)
            case (.entries(newer.id, _, _), _): return .entries([bytes], more: false)
            default: return answer
            }
        }
        #expect(try sync(0) == ["E-SYNC-008"])
        #expect(circle.devices[0].store.state.logs[circle.devices[1].id]?.count == 1)
        #expect(circle.devices[0].store.state.logs[newer.id] == nil)
    }

    @Test(arguments: [(1 << 20, true), (1 << 20 + 1, false), (1 << 62, false)] as [(UInt64, Bool)])
    func aCounterMayJumpOnlySoFar(lamport: UInt64, isTaken: Bool) throws {
        let author = circle.devices[2].id
        circle.relay.logs[author] = [try entry(2, lamport: lamport)]
        #expect(try sync(0) == (isTaken ? [] : ["E-SYNC-016"]))
        #expect((circle.devices[0].store.state.logs[author] != nil) == isTaken)
    }

    /// An honest device has named, in good faith, what a device published before it was shut out.
    @Test func entriesThatNameTheFloodOfADeviceThatWasShutOutAreTaken() throws {
        for device in circle.devices { device.store.admitCulprits() }
        let flooder = circle.devices[2]
        let flood = LogPosition(seq: 2_000_000, hash: .filled(1))
        circle.relay.logs[circle.devices[1].id] = [try entry(1, lamport: 9, frontier: [flooder.id: flood])]
        #expect(try sync(0) == ["E-SYNC-016"])
        #expect(circle.devices[0].store.state.logs[circle.devices[1].id] == nil)
        let link = try SimulatedLinks.revoke(
            flooder.id, last: nil, by: circle.devices[1].identity, on: circle.relay.chain)
        try circle.relay.take(link)
        #expect(try sync(0) == [])
        #expect(circle.devices[0].store.state.logs[circle.devices[1].id]?.count == 1)
        // And by another way.
        let pushed = try EntryReceiver.take(
            circle.relay.logs[circle.devices[1].id].map { $0.map(\.bytes) } ?? [], from: "device",
            chain: circle.relay.chain, into: circle.devices[1].store)
        #expect(pushed == [.new])
    }

    /// A log may be longer than a number may jump, and a new device knows nothing of it yet.
    @Test func entriesThatNameALongLogThatTheRemoteHasWaitForIt() throws {
        for device in circle.devices { device.store.admitCulprits() }
        let author = circle.devices[2].id
        let far = LogPosition(seq: 1 << 21, hash: .filled(2))
        circle.relay.logs[circle.devices[1].id] = [try entry(1, lamport: 9, frontier: [author: far])]
        circle.relay.lie = { request, answer, _ in
            guard case .frontier = request, case .frontier(var frontier) = answer else { return answer }
            frontier.heads[author] = far
            return .frontier(frontier)
        }
        // The remote promises the log and gives none: that is its fault, and nobody else's.
        #expect(try sync(0).filter { $0 == "E-SYNC-016" } == [])
    }

    @Test func aPushedEntryIsTakenOnceAndOnlyInOrder() throws {
        let store = circle.devices[0].store
        let chain = circle.relay.chain
        let first = try entry(2)
        let second = try entry(2, seq: 2, after: first, lamport: 2)
        let other = try entry(2, word: "y")
        func push(_ entries: Entry...) throws -> [ProtoPushOutcome] {
            try EntryReceiver.take(entries.map(\.bytes), from: "device", chain: chain, into: store)
        }
        #expect(try push(second) == [.gap])
        #expect(try push(first, second, first) == [.new, .new, .exists])
        #expect(try push(other) == [.fork])
        let evidence = try #require(try store.evidence().first)
        #expect(evidence.suspicion.kind == .fork)
        #expect(evidence.held == first.bytes)
        #expect(evidence.other == other.bytes)
    }

    @Test func aPushedEntryWaitsForWhatItNames() throws {
        let store = circle.devices[0].store
        let cause = try entry(2)
        let effect = try entry(
            1, lamport: 2, frontier: [cause.device: cause.position])
        let chain = circle.relay.chain
        #expect(try EntryReceiver.take([effect.bytes], from: "device", chain: chain, into: store) == [.gap])
        #expect(
            try EntryReceiver.take([cause.bytes, effect.bytes], from: "device", chain: chain, into: store)
                == [.new, .new])
    }

    /// A device sets the clock ahead and back again, and is shut out after that.
    @Test(arguments: [false, true]) func aClockThatGoesBackWithinALogHoldsUpNobody(inOneRun: Bool) throws {
        let (author, culprit) = (circle.devices[1], circle.devices[2])
        var log: [Entry] = []
        for lamport in [WireLimits.lamportJump, 2 * WireLimits.lamportJump, 3, 4] {
            log.append(try entry(2, seq: UInt64(log.count) + 1, after: log.last, lamport: lamport))
        }
        circle.relay.logs[culprit.id] = log
        #expect(try sync(0) == [])
        #expect(circle.devices[0].store.state.logs[culprit.id]?.count == 4)
        let honest = try entry(
            1, lamport: 2 * WireLimits.lamportJump + 1, frontier: [culprit.id: log[2].position])
        let link = try SimulatedLinks.revoke(
            culprit.id, last: log[2].position, by: author.identity, on: circle.relay.chain)
        try circle.relay.take(link)
        if !inOneRun { #expect(try sync(0) == []) }
        circle.relay.logs[author.id] = [honest]
        #expect(try sync(0) == [])
        #expect(circle.devices[0].store.state.logs[author.id] == [honest])
        #expect(try circle.devices[0].store.largestLamport() == honest.lamport)
    }

    @Test func aPushedEntryOfAnOutsiderOrOfNoShapeIsRefused() throws {
        let intruder = try Simulation(seed: 3, quiet: 2)
        let identity = intruder.devices[0].identity
        let place = EntryPlace(
            circle: circle.relay.chain.circle, device: identity.id, seq: 1, previous: .zero, epoch: 1, lamport: 1,
            frontier: [:])
        let draft = EntryDraft(id: 1, kind: .change, payload: [1], parents: [], chunks: [])
        let bytes = try SimulatedAuthor(identity: identity, key: circle.key).write(draft, at: place)
        let outcomes = try EntryReceiver.take(
            [bytes, [], [0xff], Array(bytes.dropLast())], from: "device", chain: circle.relay.chain,
            into: circle.devices[0].store)
        #expect(outcomes == [.refused, .refused, .refused, .refused])
    }
}
