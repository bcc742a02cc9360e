// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import SwiftProtobuf
import Testing

@testable import AttuneSync

/// What devices make of a relay that hides, goes back, forks, swaps and makes things up.
@Suite struct MaliciousRelayTests {
    let circle: Simulation

    init() throws {
        circle = try Simulation(seed: 1, quiet: 3)
        circle.isHonest = false
    }

    // MARK: Steps

    private func draft(_ index: Int, chunks: [ChunkID] = []) throws {
        try circle.devices[index].store.draft(
            Simulation.marker + circle.random.bytes(17), kind: chunks.isEmpty ? .change : .version, chunks: chunks)
    }

    @discardableResult
    private func sync(_ index: Int, with peer: Int? = nil) throws -> [String] {
        circle.devices[index].lastProblems = []
        try circle.sync(index, with: peer)
        try circle.advance(until: circle.now + 7_200_000)
        #expect(circle.devices[index].machine == nil, "every run ends")
        return circle.devices[index].lastProblems.map(\.code)
    }

    private func log(_ index: Int, of author: Int) -> [Entry] {
        circle.devices[index].store.state.logs[circle.devices[author].id] ?? []
    }

    private func evidence(_ index: Int) -> [SyncEvidence] {
        circle.devices[index].store.state.evidence.filter { !$0.isSettled }
    }

    private func shorten(_ answer: SyncAnswer, _ author: DeviceID, to count: Int) -> SyncAnswer {
        switch answer {
        case .frontier(var frontier):
            guard let head = frontier.heads[author], head.seq > count else { return answer }
            frontier.heads[author] = circle.relay.logs[author].flatMap { log in
                count == 0 ? nil : LogPosition(seq: UInt64(count), hash: log[count - 1].hash)
            }
            return .frontier(frontier)
        default: return answer
        }
    }

    // MARK: Lies

    @Test func aHiddenSuffixIsFoundByWhatOthersHaveSeenAndHealsWhenItIsShown() throws {
        for _ in 0..<2 { try draft(2) }
        try sync(2)
        try sync(1)
        try draft(1)
        try sync(1)
        let hidden = circle.devices[2].id
        circle.relay.lie = { request, answer, device in
            device == circle.devices[0].id ? shorten(answer, hidden, to: 1) : answer
        }
        #expect(try sync(0).contains("E-SYNC-009"))
        let found = try #require(evidence(0).first)
        #expect(found.suspicion == Suspicion(.hidden, by: circle.devices[1].id, about: hidden, seq: 2))
        #expect(try Entry(parsing: found.other).device == circle.devices[1].id)
        #expect(log(0, of: 1).isEmpty, "an entry does not count before what it names")
        try draft(0)
        try sync(0)
        #expect(circle.relay.logs[circle.devices[0].id]?.count == 1, "work on the device goes on")
        circle.relay.lie = nil
        #expect(try sync(0).isEmpty)
        #expect(evidence(0).isEmpty)
        #expect(log(0, of: 1).count == 1)
        #expect(log(0, of: 2).count == 2)
    }

    @Test func anOldFrontierRaisesAnAlarmAndIsFilledUpAgain() throws {
        for _ in 0..<3 { try draft(0) }
        try sync(0)
        let own = circle.devices[0].id
        circle.relay.lie = { _, answer, _ in shorten(answer, own, to: 1) }
        #expect(try sync(0).contains("E-SYNC-009"))
        let found = try #require(evidence(0).first)
        #expect(found.suspicion == Suspicion(.rollback, by: nil, about: own, seq: 3))
        #expect(try Entry(parsing: found.held).seq == 3)
        circle.relay.lie = nil
        #expect(try sync(0).isEmpty)
        #expect(evidence(0).isEmpty)
    }

    /// All that it lost is here and is sent again, so that nothing is left for a person to do.
    @Test(arguments: [0, 1]) func aRelayThatWasSetBackIsFilledUpInTheRunThatNoticesIt(kept: Int) throws {
        for _ in 0..<3 { try draft(0) }
        try sync(0)
        try draft(1)
        try sync(1)
        try sync(0)
        for device in circle.devices {
            circle.relay.logs[device.id] = circle.relay.logs[device.id].map { Array($0.prefix(kept)) }
        }
        #expect(try sync(0).isEmpty)
        #expect(evidence(0).isEmpty)
        #expect(circle.relay.logs[circle.devices[0].id]?.count == 3)
        #expect(circle.relay.logs[circle.devices[1].id]?.count == 1)
        let told = circle.devices[0].store.state.lines.filter { $0.text.contains("has it again now") }
        #expect(told.map(\.level) == [.warning])
    }

    /// It says that it takes what it lost, and goes on without it.
    @Test func aRelayThatWasSetBackAndKeepsNothingOfWhatItIsSentStaysSuspicious() throws {
        for _ in 0..<2 { try draft(0) }
        try sync(0)
        let own = circle.devices[0].id
        circle.relay.lie = { request, answer, _ in
            guard case .pushEntries(let entries) = request else { return shorten(answer, own, to: 1) }
            return .pushed(entries.map { _ in .new })
        }
        #expect(try sync(0) == ["E-SYNC-009"])
        #expect(evidence(0).map(\.suspicion.kind) == [.rollback])
    }

    @Test func linksThatTheRelayGaveAreNotWaitingToBeSentThere() throws {
        try sync(0)
        let link = try SimulatedLinks.epoch(by: circle.devices[1].identity, on: circle.relay.chain)
        try circle.relay.chain.append(link)
        circle.relay.links.append(link)
        try sync(0)
        #expect(try circle.devices[0].store.settings().linksTold == link.seq)
        // The link that shuts this one out is the last that it gets.
        let last = try SimulatedLinks.revoke(
            circle.devices[0].id, last: nil, by: circle.devices[1].identity, on: circle.relay.chain)
        try circle.relay.chain.append(last)
        circle.relay.links.append(last)
        #expect(try sync(0) == ["E-SYNC-004"])
        #expect(try circle.devices[0].store.settings().linksTold == last.seq)
    }

    @Test func aForkShownToEachDeviceDifferentlyIsProvenOnceTheyMeet() throws {
        let author = circle.devices[2]
        let copy = author.store.backup()
        try draft(2)
        try sync(2)
        let first = try #require(circle.relay.logs[author.id]?.first)
        try sync(0)
        // A second copy of the store, to which the relay shows an empty log.
        author.store.restore(copy, whole: true)
        circle.relay.logs[author.id] = nil
        try draft(2)
        try sync(2)
        let second = try #require(circle.relay.logs[author.id]?.first)
        #expect(first.hash != second.hash)
        let all = circle.relay.logs[author.id]
        circle.relay.logs[author.id] = [first]
        circle.relay.lie = { [devices = circle.devices] request, answer, device in
            guard device == devices[1].id else { return answer }
            switch (request, answer) {
            case (.frontier, .frontier(var frontier)):
                frontier.heads[author.id] = LogPosition(seq: 1, hash: second.hash)
                return .frontier(frontier)
            case (.entries(author.id, _, _), _): return .entries(all?.map(\.bytes) ?? [], more: false)
            default: return answer
            }
        }
        #expect(try sync(1).isEmpty)
        #expect(log(1, of: 2).map(\.hash) == [second.hash])
        #expect(try sync(0, with: 1).contains("E-SYNC-009"))
        let found = try #require(evidence(0).first)
        #expect(found.suspicion == Suspicion(.fork, by: author.id, about: author.id, seq: 1))
        let halves = try [found.held, found.other].map { try Entry(parsing: $0) }
        #expect(Set(halves.map(\.hash)) == [first.hash, second.hash])
        for half in halves { try half.verify(signingKey: Array(author.identity.record.signingKey)) }
        #expect(log(0, of: 2).map(\.hash) == [first.hash], "neither half replaces the other")
    }

    /// The first device pulls a log in which the relay has both halves of a fork from the third entry on.
    private func fork(revoked: Bool) throws -> (first: [Entry], second: [Entry]) {
        let author = circle.devices[2]
        for _ in 0..<2 { try draft(2) }
        try sync(2)
        let copy = author.store.backup()
        let id = author.id
        func half() throws -> [Entry] {
            for _ in 0..<3 { try draft(2) }
            try sync(2)
            return try #require(circle.relay.logs[id])
        }
        let first = try half()
        author.store.restore(copy, whole: true)
        circle.relay.logs[id] = Array(first.prefix(2))
        let second = try half()
        circle.relay.logs[id] = first
        if revoked {
            let last = LogPosition(seq: 4, hash: second[3].hash)
            let link = try SimulatedLinks.revoke(
                id, last: last, by: circle.devices[1].identity, on: circle.relay.chain)
            try circle.relay.chain.append(link)
            circle.relay.links.append(link)
        }
        let both = first.prefix(2) + zip(first, second).dropFirst(2).flatMap { [$0, $1] }
        circle.relay.lie = { request, answer, _ in
            guard case .entries(id, let seq, let limit) = request else { return answer }
            return .entries(both.filter { $0.seq > seq }.prefix(limit + 1).map(\.bytes), more: false)
        }
        return (first, second)
    }

    @Test func aForkThatTheRelayKeepsIsProvenAndNothingBeforeItIsLost() throws {
        let (first, second) = try fork(revoked: false)
        #expect(try sync(0) == ["E-SYNC-009"])
        #expect(log(0, of: 2).map(\.hash) == first.prefix(3).map(\.hash))
        let found = try #require(evidence(0).first)
        #expect(found.suspicion.kind == .fork)
        #expect(found.held == first[2].bytes)
        #expect(found.other == second[2].bytes)
    }

    @Test func ofAForkThatARevocationDecidesTheHalfThatItNamesIsPulled() throws {
        let (_, second) = try fork(revoked: true)
        #expect(try sync(0).isEmpty)
        #expect(log(0, of: 2).map(\.hash) == second.prefix(4).map(\.hash))
        #expect(evidence(0).isEmpty)
        #expect(try sync(0).isEmpty)
    }

    @Test func replayedEntriesAreRefused() throws {
        for _ in 0..<3 { try draft(2) }
        try sync(2)
        let old = try #require(circle.relay.logs[circle.devices[2].id]).prefix(1).map(\.bytes)
        try sync(0)
        try draft(2)
        try sync(2)
        circle.relay.lie = { request, answer, _ in
            if case .entries = request { .entries(old, more: false) } else { answer }
        }
        #expect(try sync(0) == ["E-SYNC-002"])
        #expect(log(0, of: 2).count == 3)
        circle.relay.lie = nil
        #expect(try sync(0).isEmpty)
        #expect(log(0, of: 2).count == 4)
    }

    @Test func changedEntriesAreRefusedAndTheOtherLogsGoOn() throws {
        try draft(1)
        try draft(2)
        try sync(1)
        try sync(2)
        let victim = circle.devices[2].id
        circle.relay.lie = { request, answer, _ in
            guard case .entries(victim, _, _) = request, case .entries(let entries, let more) = answer else {
                return answer
            }
            let changed = entries.map { bytes -> [UInt8] in
                guard var signed = try? ProtoSignedEntry(serializedBytes: bytes) else { return bytes }
                signed.signature[0] ^= 1
                return (try? signed.serializedBytes()) ?? bytes
            }
            return .entries(changed, more: more)
        }
        #expect(try sync(0) == ["E-SYNC-002"])
        #expect(log(0, of: 1).count == 1)
        #expect(log(0, of: 2).isEmpty)
        #expect(evidence(0).isEmpty)
    }

    @Test func aSwappedChunkIsThrownAway() throws {
        let id = ChunkID(WireHash.blake2b([1], personal: "chunk"))
        try draft(2, chunks: [id])
        try sync(2)
        try circle.devices[0].store.want([id])
        circle.relay.lie = { request, answer, _ in if case .download = request { .wrongChunk } else { answer } }
        #expect(try sync(0).contains("E-SYNC-002"))
        #expect(!circle.devices[0].store.state.chunks.contains(id))
        circle.relay.lie = nil
        #expect(try sync(0).isEmpty)
        #expect(circle.devices[0].store.state.chunks.contains(id))
    }

    @Test func aChunkThatTheRelayDropsBeforeItsEntryComesIsSentOnceMore() throws {
        let id = ChunkID(WireHash.blake2b([3], personal: "chunk"))
        try draft(0, chunks: [id])
        var isDropped = false
        circle.relay.lie = { [relay = circle.relay] request, answer, _ in
            if case .pushEntries = request, !isDropped {
                isDropped = relay.chunks.remove(id) != nil
            }
            return answer
        }
        #expect(try sync(0).isEmpty)
        #expect(isDropped)
        #expect(circle.relay.chunks == [id])
    }

    /// Whoever syncs first brings the entries back, and need not have their chunks.
    @Test func aRelayThatWasSetBackGetsChunksAgainFromWhoHasThemThoughAnotherBroughtTheEntries() throws {
        let id = ChunkID(WireHash.blake2b([4], personal: "chunk"))
        try draft(0, chunks: [id])
        #expect(try sync(0).isEmpty)
        #expect(try sync(1).isEmpty)
        #expect(circle.devices[1].store.state.chunks.isEmpty)
        (circle.relay.logs, circle.relay.chunks) = ([:], [])
        circle.relay.chunkGeneration += 1
        #expect(try sync(1).isEmpty)
        #expect(circle.relay.chunks.isEmpty)
        #expect(try sync(0).isEmpty)
        #expect(circle.relay.chunks == [id])
    }

    @Test func chunksThatARelayLostAreSentAgainOnceItSaysSoAndAskedForNoMoreThen() throws {
        let id = ChunkID(WireHash.blake2b([5], personal: "chunk"))
        try draft(0, chunks: [id])
        #expect(try sync(0).isEmpty)
        circle.relay.chunks = []
        circle.relay.chunkGeneration += 1
        var asked: [Bool] = []
        circle.relay.lie = { request, answer, _ in
            if case .missingChunks(_, let ifNamed) = request { asked.append(ifNamed) }
            return answer
        }
        #expect(try sync(0).isEmpty)
        #expect(circle.relay.chunks == [id])
        // What was released meanwhile is not wanted back.
        #expect(asked == [true])
        #expect(try sync(0).isEmpty)
        #expect(asked == [true])
    }

    @Test func aRelayThatSaysNoGenerationAnyMoreIsAskedOnceMore() throws {
        let id = ChunkID(WireHash.blake2b([6], personal: "chunk"))
        try draft(0, chunks: [id])
        #expect(try sync(0).isEmpty)
        circle.relay.chunks = []
        circle.relay.chunkGeneration = 0
        #expect(try sync(0).isEmpty)
        #expect(circle.relay.chunks == [id])
        #expect(try sync(0).isEmpty)
    }

    @Test func chunksThatCameFromADeviceAreOfferedToARelayThatGaveTheirEntryWithoutThem() throws {
        let id = ChunkID(WireHash.blake2b([7], personal: "chunk"))
        try draft(0, chunks: [id])
        #expect(try sync(0).isEmpty)
        circle.relay.chunks = []
        #expect(try sync(1).isEmpty)
        #expect(circle.devices[1].store.state.chunks.isEmpty)
        try circle.devices[1].store.want([id])
        #expect(try sync(1, with: 0).isEmpty)
        #expect(circle.devices[1].store.state.chunks == [id])
        #expect(try sync(1).isEmpty)
        #expect(circle.relay.chunks == [id])
    }

    @Test func chunksThatNobodyHasHoldUpNoOthers() throws {
        let absent = (0..<1100).compactMap { number in
            ChunkID([0, UInt8(number >> 8), UInt8(number & 255)] + [UInt8](repeating: 0, count: 29))
        }
        let present = ChunkID.filled(255)
        try circle.devices[0].store.want(absent + [present])
        circle.relay.chunks = [present]
        #expect(try sync(0) == ["E-SYNC-012"])
        #expect(circle.devices[0].store.state.chunks == [present])
    }

    /// What a device names and nobody has costs a question for each thousand, and no more than 64 in a run.
    @Test(arguments: [(5000, 5), (200_000, 64)]) func absentChunksCostAQuestionForEachPage(
        count: Int, questions: Int
    ) throws {
        let absent = (0..<UInt32(count)).map { number in
            withUnsafeBytes(of: number.bigEndian) { ChunkID(WireHash.blake2b(Array($0), personal: "absent")) }
        }
        let present = (0..<10).map { ChunkID.filled($0) }
        try circle.devices[0].store.want(absent + present)
        circle.relay.chunks = Set(present)
        var (asked, tried) = (0, 0)
        circle.relay.lie = { request, answer, _ in
            if case .missingChunks = request { asked += 1 }
            if case .download = request { tried += 1 }
            return answer
        }
        #expect(try sync(0) == ["E-SYNC-012"])
        #expect(asked <= questions + 1, "\(asked), \(tried)")
        #expect(asked >= questions, "\(asked), \(tried)")
        #expect(tried <= present.count, "\(asked), \(tried)")
        if count < SyncEngine.listedChunks { #expect(circle.devices[0].store.state.chunks == Set(present)) }
    }

    /// Every absent chunk is said to be there, and none comes.
    @Test func promisesThatAreBrokenAreNotBelievedForLong() throws {
        let absent = (0..<UInt32(5000)).map { number in
            withUnsafeBytes(of: number) { ChunkID(WireHash.blake2b(Array($0), personal: "absent")) }
        }
        try circle.devices[0].store.want(absent)
        var tried = 0
        circle.relay.lie = { request, answer, _ in
            if case .download = request { tried += 1 }
            if case .missingChunks = request { return .missingChunks([]) }
            return answer
        }
        #expect(try sync(0) == ["E-SYNC-012"])
        #expect((256...300).contains(tried), "\(tried)")
    }

    @Test func twoChangesOfTheCircleAtOnceAreSettledOnceBothHaveTheSame() throws {
        let chain = circle.relay.chain
        let changes = try [0, 1].map { try SimulatedLinks.epoch(by: circle.devices[$0].identity, on: chain) }
            .sorted { $0.hash < $1.hash }
        try circle.relay.chain.append(changes[0])
        circle.relay.links.append(changes[0])
        _ = try LinkReceiver.take(
            [changes[1]], after: chain.head, chain: chain, into: circle.devices[0].store)
        #expect(try sync(0) == ["E-SYNC-009"])
        #expect(
            evidence(0).map(\.suspicion.kind) == [.linkFork] && circle.devices[0].store.state.links.last == changes[0])
        #expect(try sync(0).isEmpty)
        #expect(evidence(0).isEmpty)
    }

    private func lie(aboutNextLink bytes: [UInt8]) throws {
        let hash = try Link.hash(body: Array(ProtoSignedLink(serializedBytes: bytes).body))
        circle.relay.lie = { request, answer, _ in
            switch (request, answer) {
            case (.frontier, .frontier(var frontier)):
                frontier.linkSeq += 1
                frontier.link = hash
                return .frontier(frontier)
            case (.links, .links(let links)): return .links(links + [bytes])
            default: return answer
            }
        }
    }

    @Test func aDeviceThatOnlyTheRelayAddedIsRefused() throws {
        let intruder = SimulatedIdentity(&circle.random)
        try lie(aboutNextLink: SimulatedLinks.add(intruder, by: intruder, to: circle.relay.chain).bytes)
        try draft(1)
        #expect(try sync(0) == ["E-SYNC-002"])
        #expect(circle.devices[0].store.state.links.count == circle.relay.links.count)
    }

    @Test func envelopesForOthersThanTheActiveDevicesAreRefused() throws {
        var body = try SimulatedLinks.epoch(by: circle.devices[1].identity, on: circle.relay.chain).body
        body.epochKeys.envelopes.removeLast()
        let link = try circle.devices[1].identity.link(body)
        try lie(aboutNextLink: link.bytes)
        #expect(try sync(0) == ["E-SYNC-002"])
    }

    @Test func aDowngradedSuiteIsRefused() throws {
        var body = try SimulatedLinks.epoch(by: circle.devices[1].identity, on: circle.relay.chain).body
        body.suite = 1
        let encoded: [UInt8] = try body.serializedBytes()
        var signed = ProtoSignedLink()
        signed.body = Data(encoded)
        signed.signature = Data(
            circle.devices[1].identity.sign(SignedText.link(Link.hash(body: encoded))))
        try lie(aboutNextLink: try signed.serializedBytes())
        #expect(try sync(0) == ["E-SYNC-002"])
    }

    @Test func aRevocationThatNoLinkSaysIsNotBelieved() throws {
        circle.relay.lie = { request, answer, _ in
            if case .links = request { answer } else { .failed(.forbidden) }
        }
        let codes = try sync(0)
        #expect(!codes.contains("E-SYNC-004"))
        #expect(!codes.isEmpty)
    }

    @Test(arguments: [
        RemoteFailure.busy(retryAfter: 1), .busy(retryAfter: nil), .busy(retryAfter: .max), .tooLarge, .full,
        .server(500),
        .conflict, .notFound, .timedOut, .clock(offset: .max), .clock(offset: .min), .malformed("x"),
    ])
    func aStormOfFailuresEndsAndLosesNothing(failure: RemoteFailure) throws {
        let id = ChunkID(WireHash.blake2b([2], personal: "chunk"))
        try draft(0, chunks: [id])
        circle.relay.lie = { _, _, _ in .failed(failure) }
        #expect(try !sync(0).isEmpty)
        circle.relay.lie = { request, answer, _ in if case .frontier = request { answer } else { .failed(failure) } }
        #expect(try !sync(0).isEmpty)
        circle.relay.lie = nil
        circle.devices[0].clockError = -circle.devices[0].store.state.settings.clockOffset
        #expect(try sync(0).isEmpty)
        #expect(circle.relay.logs[circle.devices[0].id]?.count == 1)
        #expect(circle.relay.chunks == [id])
    }

    @Test func endlessPromisesEnd() throws {
        let ghost = circle.devices[2].id
        circle.relay.lie = { request, answer, _ in
            switch (request, answer) {
            case (.frontier, .frontier(var frontier)):
                frontier.heads[ghost] = LogPosition(seq: WireLimits.counter, hash: .filled(1))
                return .frontier(frontier)
            default: return answer
            }
        }
        #expect(try sync(0) == ["E-SYNC-002"])
        circle.relay.lie = { request, answer, _ in
            guard case .frontier = request, case .frontier(var frontier) = answer else { return answer }
            frontier.linkSeq = WireLimits.links
            return .frontier(frontier)
        }
        #expect(try sync(0).first == "E-SYNC-002")
    }
}
