// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Testing

@testable import AttuneSync

/// A relay is set back to where a device was still in the circle that has been shut out since, and the device goes on
/// there.
@Suite struct BranchTests {
    let circle: Simulation
    /// The last of four.
    let culprit = 3

    init() throws { try self.init(seed: 1) }

    private init(seed: UInt64) throws {
        circle = try Simulation(seed: seed, quiet: 4)
        circle.isHonest = false
    }

    /// What the device does at the relay that does not know.
    enum Move: CaseIterable {
        case renames, renamesOften, bringsOneIn, bringsOneInAndLeaves
    }

    // MARK: Steps

    private var honest: Range<Int> { 0..<culprit }
    private func identity(_ index: Int) -> SimulatedIdentity { circle.devices[index].identity }

    private func draft(_ index: Int) throws {
        let tag = circle.newTag()
        try circle.devices[index].store.draft(SimulatedPayload(tag: tag, .note).bytes, kind: .change)
        circle.authors[tag] = circle.devices[index].id
    }

    /// The codes of a run, and what it pushed.
    @discardableResult
    private func sync(_ index: Int, with peer: Int? = nil) throws -> (codes: [String], pushed: [SyncRequest]) {
        var pushed: [SyncRequest] = []
        let lie = circle.relay.lie
        circle.relay.lie = { request, answer, device in
            switch request {
            case .pushLinks, .pushBranch, .pushEntries, .upload: pushed.append(request)
            default: break
            }
            return lie?(request, answer, device) ?? answer
        }
        defer { circle.relay.lie = lie }
        circle.devices[index].lastProblems = []
        try circle.sync(index, with: peer)
        try circle.advance(until: circle.now + 7_200_000)
        #expect(circle.devices[index].machine == nil, "every run ends")
        return (circle.devices[index].lastProblems.map(\.code), pushed)
    }

    /// A device's own links, made where nobody else sees it.
    private func change(_ index: Int, _ make: (DeviceChain) throws -> Link) throws {
        let store = circle.devices[index].store
        let chain = try #require(store.state.chain)
        _ = try LinkReceiver.take([make(chain)], after: chain.head, chain: chain, into: store)
    }

    private func rename(_ index: Int, on chain: DeviceChain) throws -> Link {
        try SimulatedLinks.rename(
            circle.devices[index].id, sealedName: circle.random.bytes(Link.sealedNameBytes), by: identity(index),
            on: chain)
    }

    /// Adds a link at the relay as `index`, or as who is given.
    private func add(by index: Int, as other: SimulatedIdentity? = nil, _ make: (DeviceChain) throws -> Link) throws {
        let link = try make(circle.relay.chain)
        let request = SyncRequest.pushLinks([link.bytes], previous: circle.relay.chain.head)
        let answer = try circle.relay.answer(request, from: (other ?? identity(index)).id, clockError: 0)
        try #require(answer == .linksTaken)
    }

    /// All have the same, the culprit is shut out, all go on, and the relay is set back to before that.
    private func setBack(_ revoke: Bool = true) throws {
        for index in circle.devices.indices { try draft(index) }
        for _ in 0..<2 { for index in circle.devices.indices { try sync(index) } }
        let copy = try circle.relay.copy()
        if revoke {
            let last = try circle.devices[0].store.heads()[circle.devices[culprit].id]
            try change(0) { try SimulatedLinks.revoke(circle.devices[culprit].id, last: last, by: identity(0), on: $0) }
            circle.revoked.insert(circle.devices[culprit].id)
            for _ in 0..<2 { for index in honest { try sync(index) } }
            for index in honest { try draft(index) }
            for _ in 0..<2 { for index in honest { try sync(index) } }
        }
        circle.relay.setBack(to: copy)
    }

    private func move(_ move: Move) throws {
        let stranger = SimulatedIdentity(&circle.random)
        switch move {
        case .renames: try add(by: culprit) { try rename(culprit, on: $0) }
        case .renamesOften: for _ in 0..<40 { try add(by: culprit) { try rename(culprit, on: $0) } }
        case .bringsOneIn: try add(by: culprit) { try SimulatedLinks.add(stranger, by: identity(culprit), to: $0) }
        case .bringsOneInAndLeaves:
            try add(by: culprit) { try SimulatedLinks.add(stranger, by: identity(culprit), to: $0) }
            try add(by: culprit, as: stranger) {
                try SimulatedLinks.revoke(circle.devices[culprit].id, last: nil, by: stranger, on: $0)
            }
        }
    }

    // MARK: What becomes of it

    @Test(arguments: Move.allCases) func theRelayTakesTheLinksThatCountAndEverythingIsAsBefore(move: Move) throws {
        try setBack()
        try self.move(move)
        for index in honest { try draft(index) }
        for _ in 0..<3 { for index in honest { try sync(index) } }
        #expect(circle.relay.branchesTaken == 1)
        for index in honest {
            let (codes, pushed) = try sync(index)
            #expect(codes.isEmpty)
            #expect(pushed.isEmpty)
        }
        #expect(try sync(culprit).codes == ["E-SYNC-004"])
        #expect(try sync(culprit).codes == ["E-SYNC-004"])
        try circle.check()
    }

    /// The relay may be set back again and again, and devices come as they like.
    @Test(arguments: 2...21 as ClosedRange<UInt64>) func itIsTheSameInWhateverOrderTheyCome(seed: UInt64) throws {
        let other = try BranchTests(seed: seed)
        try other.comeAsTheyLike()
    }

    private func comeAsTheyLike() throws {
        try setBack()
        let copy = try circle.relay.copy()
        var times = 1
        for _ in 0..<30 {
            let index = Int(circle.chance(0...Int64(culprit - 1)))
            switch circle.chance(0...9) {
            case 0..<3: try draft(index)
            case 3..<7: try sync(index)
            case 7..<9:
                guard circle.relay.chain.devices[circle.devices[culprit].id]?.isActive == true else { continue }
                try move(Move.allCases[Int(circle.chance(0...Int64(Move.allCases.count - 1)))])
            default:
                times += 1
                circle.relay.setBack(to: copy)
            }
        }
        for _ in 0..<4 { for index in honest { try sync(index) } }
        try sync(culprit)
        #expect(circle.relay.branchesTaken <= times)
        try circle.check()
    }

    /// Thirty links were made since, and the one that counts is not the first.
    @Test func aLongBranchComesWholeAndWhatFollowsItAfterwards() throws {
        try setBack(false)
        for _ in 0..<30 { try change(0) { try rename(0, on: $0) } }
        try change(0) { try SimulatedLinks.revoke(circle.devices[culprit].id, last: nil, by: identity(0), on: $0) }
        for _ in 0..<120 { try change(0) { try rename(0, on: $0) } }
        try move(.renames)
        let (codes, pushed) = try sync(0)
        #expect(codes.isEmpty)
        guard case .pushBranch(let branch, _) = pushed.first else { throw circle.violation("no branch came") }
        #expect(branch.count == 128)
        #expect(pushed.count == 3)
        #expect(circle.relay.links.map(\.hash) == circle.devices[0].store.state.links.map(\.hash))
    }

    /// Whoever signs a link can sign it again: it is the same link, and the two part after it.
    @Test func aLinkThatIsSignedTwiceIsNoPlaceWhereBranchesPart() throws {
        let link = try rename(culprit, on: circle.relay.chain)
        let again = try identity(culprit).link(link.body, nonce: circle.random.bytes(64))
        try #require(again.hash == link.hash)
        try #require(again.bytes != link.bytes)
        try add(by: culprit) { _ in link }
        for index in honest { try change(index) { _ in again } }
        circle.ownNames[circle.devices[culprit].id] = Array(link.body.rename.sealedName)
        try setBack()
        try move(.bringsOneIn)
        #expect(try !sync(1).codes.contains("E-SYNC-020"))
        #expect(circle.relay.branchesTaken == 1)
        #expect(circle.relay.links.map(\.hash) == circle.devices[1].store.state.links.map(\.hash))
    }

    @Test func whereTheRelayKeepsTheOtherLinksNothingIsSentAndTheRunSaysSo() throws {
        try setBack()
        try move(.bringsOneIn)
        circle.relay.takesBranches = false
        try draft(0)
        let before = circle.relay.links.map(\.hash)
        for _ in 0..<2 {
            let (codes, pushed) = try sync(0)
            #expect(codes.first == "E-SYNC-020")
            #expect(!codes.contains("E-SYNC-010"))
            #expect(pushed.count == 1, "its branch, and nothing else")
            let problem = try #require(circle.devices[0].lastProblems.first)
            #expect(problem.remedy?.contains("attune sync relay URL") == true)
        }
        #expect(circle.relay.links.map(\.hash) == before)
        // What others have there is still taken, and once it takes the links that count all is well.
        circle.relay.takesBranches = true
        for _ in 0..<3 { for index in honest { try sync(index) } }
        try sync(culprit)
        try circle.check()
    }

    @Test(arguments: [
        RemoteFailure.malformed("status 400"), .notFound, .tooLarge, .busy(retryAfter: 5400),
    ]) func aRelayThatKnowsNoBranchesMayRefuseThemAsItLikes(failure: RemoteFailure) throws {
        try setBack()
        try move(.renames)
        circle.relay.takesBranches = false
        circle.relay.lie = { request, answer, _ in
            if case .pushBranch = request { .failed(failure) } else { answer }
        }
        let (codes, pushed) = try sync(0)
        #expect(codes.first == "E-SYNC-020")
        #expect(pushed.count == 1)
    }

    @Test func aRelayThatOnlySaysThatItTakesABranchIsAskedOnce() throws {
        try setBack()
        try move(.renames)
        circle.relay.takesBranches = false
        circle.relay.lie = { request, answer, _ in if case .pushBranch = request { .linksTaken } else { answer } }
        let (codes, pushed) = try sync(0)
        #expect(codes.first == "E-SYNC-020")
        #expect(pushed.count == 1)
    }

    @Test func whereEachShutsOutADeviceOfTheOtherAllKeepTheirsAndSaySo() throws {
        try setBack()
        try add(by: culprit) {
            try SimulatedLinks.revoke(circle.devices[1].id, last: nil, by: identity(culprit), on: $0)
        }
        let (there, here) = (circle.relay.links.map(\.hash), circle.devices[0].store.state.links.map(\.hash))
        for index in honest {
            #expect(try sync(index).codes.first == "E-SYNC-020", "\(index)")
            #expect(circle.devices[index].store.state.links.map(\.hash) == here, "\(index)")
        }
        #expect(circle.relay.links.map(\.hash) == there)
    }

    /// A device that serves asks itself for what counts.
    @Test func whoMeetsADeviceDirectlyBringsItNoBranch() throws {
        try setBack(false)
        var links = try [0, 1].map { try SimulatedLinks.epoch(by: identity($0), on: circle.relay.chain) }
        links.sort { $0.hash < $1.hash }
        try change(0) { _ in links[1] }
        try change(1) { _ in links[0] }
        let (codes, pushed) = try sync(1, with: 0)
        #expect(codes.first == "E-SYNC-020")
        #expect(pushed.isEmpty)
        #expect(circle.devices[0].store.state.links.last == links[1])
        #expect(try sync(0, with: 1).pushed.isEmpty)
        #expect(circle.devices[0].store.state.links.last == links[0])
    }

    @Test func twoWhoChangeTheCircleAtOnceAgreeAfterOneBranchAndStayThere() throws {
        try setBack(false)
        var links = try [0, 1].map { try SimulatedLinks.epoch(by: identity($0), on: circle.relay.chain) }
        links.sort { $0.hash < $1.hash }
        // The one that does not count is there first.
        try change(0) { _ in links[1] }
        try change(1) { _ in links[0] }
        try sync(0)
        #expect(circle.relay.links.last == links[1])
        for _ in 0..<4 { for index in [1, 0] { try sync(index) } }
        #expect(circle.relay.branchesTaken == 1)
        #expect(circle.relay.links.last == links[0])
        for index in [0, 1] {
            let (codes, pushed) = try sync(index)
            #expect(codes.isEmpty)
            #expect(pushed.isEmpty)
        }
    }
}
