// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import Testing

/// A relay was set back, and got links there that its circle has moved past.
@Suite("Branches of a circle's chain at a relay") struct BranchTests {
    /// A circle of three at a relay that does not know yet that one of them was shut out.
    private struct SetBack {
        var fixture: RelayFixture
        let second: SyntheticDevice
        let lost: SyntheticDevice
        /// As the devices have it: the founder has shut one out, and goes on.
        var counted: SyntheticCircle
        let parting: LinkHash
        var branch: [Link] { counted.links.filter { $0.seq > 3 } }

        init(options: [String] = []) async throws {
            fixture = try await RelayFixture(options: options)
            second = try await fixture.add()
            lost = try await fixture.add()
            (counted, parting) = (fixture.circle, fixture.circle.chain.head)
            try counted.revoke(lost, by: fixture.founder)
            try counted.beginEpoch(by: fixture.founder)
            try counted.beginEpoch(by: second)
        }

        var founder: RelayClient { fixture.client }

        /// Has the one that was shut out add a link at the relay.
        mutating func add(_ change: (inout SyntheticCircle) throws -> Link) async throws {
            let before = fixture.circle.chain.head
            let link = try change(&fixture.circle)
            let answer = try await fixture.client(of: lost).append([link], after: before)
            try #require(answer.status == 201, "\(answer.code)")
        }

        func expectRefusal(
            of answer: RelayClient.Answer, _ location: SourceLocation = #_sourceLocation
        ) async throws {
            #expect(answer.status == 412, sourceLocation: location)
            #expect(answer.code == "E-RELAY-009", sourceLocation: location)
            let kept = try await founder.frontier().link
            #expect(kept == Data(fixture.circle.chain.head.bytes), sourceLocation: location)
        }
    }

    @Test("the branch counts that shuts out who acts in the other one, and what that one brought in goes")
    func winner() async throws {
        var circle = try await SetBack()
        let stranger = SyntheticDevice()
        let lost = circle.lost
        try await circle.add { try $0.add(stranger, by: lost) }
        let client = circle.fixture.client(of: stranger)
        let chunk = SyntheticCircle.chunk(4096)
        #expect(try await client.put(chunk).status == 201)
        let entry = try circle.fixture.circle.entry(by: stranger, chunks: [chunk.id])
        #expect(try await client.outcomes([entry]) == [.new])
        let late = try circle.fixture.circle.entry(by: lost)
        #expect(try await circle.fixture.client(of: lost).outcomes([late]) == [.new])
        #expect(try await circle.founder.frontier().heads.count == 2)
        // Who only was too late says nothing of a branch.
        try await circle.expectRefusal(of: circle.founder.append(circle.branch, after: circle.parting))

        let taken = try await circle.founder.replace(with: circle.branch, after: circle.parting)
        #expect(taken.status == 201, "\(taken.code)")
        #expect(taken.field("ETag") == "\"\(circle.counted.chain.head)\"")
        let second = circle.fixture.client(of: circle.second)
        #expect(try await second.links().links.map { try Link($0).hash } == circle.counted.links.map(\.hash))
        #expect(try await second.frontier().heads.isEmpty)
        #expect(try await second.entries().entries.isEmpty)
        #expect(try await client.send("GET", client.home + "/frontier").code == "E-RELAY-006")
        let removed = circle.fixture.client(of: lost)
        #expect(try await removed.send("GET", removed.home + "/frontier").code == "E-RELAY-005")
        #expect(try await removed.links().links.count == 4)
        let own = try circle.counted.entry(by: circle.second)
        #expect(try await second.outcomes([own]) == [.new])

        // The answer may have been lost; later it is an old state of the chain as any other.
        #expect(try await circle.founder.replace(with: circle.branch, after: circle.parting).status == 201)
        let (branch, before) = (circle.branch, circle.counted.chain.head)
        let next = try circle.counted.beginEpoch(by: circle.fixture.founder)
        #expect(try await second.append([next], after: before).status == 201)
        #expect(try await circle.founder.replace(with: branch, after: circle.parting).status == 412)
        #expect(try await circle.founder.frontier().link == Data(next.hash.bytes))
        #expect(try await circle.founder.outcomes([own]) == [.exists])
    }

    @Test("no branch takes the place of one that shuts out who acts in it, whoever brings it")
    func loser() async throws {
        var circle = try await SetBack()
        let before = circle.fixture.circle
        let lost = circle.lost
        try await circle.add { try $0.beginEpoch(by: lost) }
        #expect(try await circle.founder.replace(with: circle.branch, after: circle.parting).status == 201)
        circle.fixture.circle = circle.counted
        var lower: Link?
        while lower == nil {
            var rival = before
            let link = try rival.beginEpoch(by: circle.second)
            if link.hash < circle.branch[0].hash { lower = link }
        }
        try await circle.expectRefusal(
            of: circle.fixture.client(of: circle.second).replace(with: [try #require(lower)], after: circle.parting))
        var own = before
        try own.add(SyntheticDevice(), by: lost)
        try own.revoke(circle.fixture.founder, by: lost)
        let answer = try await circle.fixture.client(of: lost).replace(
            with: Array(own.links.dropFirst(3)), after: circle.parting)
        #expect(answer.code == "E-RELAY-005")
        try await circle.expectRefusal(
            of: circle.fixture.client(of: circle.second).replace(
                with: Array(own.links.dropFirst(3)), after: circle.parting))
    }

    @Test("of two branches that shut nobody out the one with the lower hash counts, and it stays")
    func race() async throws {
        let circle = try await SetBack()
        let (first, second) = (circle.founder, circle.fixture.client(of: circle.second))
        var links: [Link] = []
        for device in [circle.fixture.founder, circle.second] {
            var branch = circle.fixture.circle
            links.append(try branch.beginEpoch(by: device))
        }
        links.sort { $0.hash < $1.hash }
        #expect(try await first.append([links[1]], after: circle.parting).status == 201)
        // Each brings its own for as long as it likes.
        var switches = 0
        for _ in 0..<5 {
            for (client, link) in [(first, links[1]), (second, links[0])] {
                let before = try await first.frontier().link
                _ = try await client.replace(with: [link], after: circle.parting)
                if try await first.frontier().link != before { switches += 1 }
            }
        }
        #expect(switches == 1)
        #expect(try await first.frontier().link == Data(links[0].hash.bytes))
    }

    @Test("only a device brings a branch that is in the circle where the two part, by the relay and by the branch")
    func bringers() async throws {
        var circle = try await SetBack()
        let (stranger, lost) = (SyntheticDevice(), circle.lost)
        try await circle.add { try $0.add(stranger, by: lost) }
        for device in [stranger, lost] {
            try await circle.expectRefusal(
                of: circle.fixture.client(of: device).replace(with: circle.branch, after: circle.parting))
        }
        let nobody = circle.fixture.client(of: SyntheticDevice())
        #expect(try await nobody.replace(with: circle.branch, after: circle.parting).code == "E-RELAY-006")
        // A device of the branch alone is not known here.
        let newer = SyntheticDevice()
        try circle.counted.add(newer, by: circle.second)
        let fresh = circle.fixture.client(of: newer)
        #expect(try await fresh.replace(with: circle.branch, after: circle.parting).code == "E-RELAY-006")
        #expect(try await circle.founder.replace(with: circle.branch, after: circle.parting).status == 201)
        #expect(try await fresh.send("GET", fresh.home + "/frontier").status == 200)
    }

    @Test("where each branch shuts out a device of the other, the relay keeps the one that it has")
    func mutual() async throws {
        var circle = try await SetBack()
        let (lost, second) = (circle.lost, circle.second)
        try await circle.add { try $0.revoke(second, by: lost) }
        try await circle.expectRefusal(of: circle.founder.replace(with: circle.branch, after: circle.parting))
    }

    @Test("a branch that does not hold, or parts nowhere here, changes nothing")
    func broken() async throws {
        var circle = try await SetBack()
        let lost = circle.lost
        try await circle.add { try $0.beginEpoch(by: lost) }
        let before = circle.fixture.circle.chain.head
        let gap = [circle.branch[0], circle.branch[2]]
        #expect(try await circle.founder.replace(with: gap, after: circle.parting).code == "E-RELAY-010")
        try await circle.expectRefusal(
            of: circle.founder.replace(with: circle.branch, after: circle.fixture.circle.links[0].hash))
        try await circle.expectRefusal(
            of: circle.founder.replace(with: Array(circle.branch.dropFirst()), after: circle.branch[0].hash))
        try await circle.expectRefusal(
            of: circle.founder.replace(with: [circle.fixture.circle.links[0]], after: circle.parting))
        try await circle.expectRefusal(
            of: circle.founder.replace(
                with: Array(circle.counted.links.dropFirst()), after: circle.fixture.circle.links[0].hash))
        #expect(try await circle.founder.frontier().link == Data(before.bytes))
    }

    @Test("a device brings sixteen branches a day, and others still theirs")
    func ration() async throws {
        var circle = try await SetBack()
        let (lost, second) = (circle.lost, circle.fixture.client(of: circle.second))
        let parted = circle.fixture.circle
        try await circle.add { try $0.beginEpoch(by: lost) }
        let own = circle.fixture.circle.links[3].hash
        var answers: [RelayClient.Answer] = []
        while answers.count < 17 {
            var rival = parted
            let link = try rival.beginEpoch(by: circle.second)
            if link.hash < own { continue }
            answers.append(try await second.replace(with: [link], after: circle.parting))
        }
        #expect(answers.prefix(16).allSatisfy { $0.code == "E-RELAY-009" })
        #expect(answers[16].code == "E-RELAY-013")
        #expect(answers[16].field("Retry-After").flatMap { Int($0) } ?? 0 > 60)
        #expect(try await circle.founder.replace(with: circle.branch, after: circle.parting).status == 201)
    }

    @Test("a branch may have 128 links, and no more")
    func length() async throws {
        var circle = try await SetBack()
        let lost = circle.lost
        try await circle.add { try $0.beginEpoch(by: lost) }
        var long = circle.counted
        while long.links.count < 3 + 129 { try long.beginEpoch(by: circle.second) }
        let branch = Array(long.links.dropFirst(3))
        #expect(try await circle.founder.replace(with: branch, after: circle.parting).code == "E-RELAY-001")
        #expect(try await circle.founder.replace(with: Array(branch.dropLast()), after: circle.parting).status == 201)
        #expect(try await circle.founder.append([branch[128]], after: branch[127].hash).status == 201)
        #expect(try await circle.founder.frontier().linkSeq == 132)
    }

    @Test(
        "a branch has room for its revocations however full all is, and for no more of the rest than it takes the place of",
        arguments: ["--circle-bytes", "--total-bytes"])
    func room(_ option: String) async throws {
        var circle = try await SetBack(options: [option, "60000"])
        var status = 201
        while status == 201 {
            let before = circle.fixture.circle
            let link = try circle.fixture.circle.beginEpoch(by: circle.lost)
            status = try await circle.fixture.client(of: circle.lost).append([link], after: before.chain.head).status
            if status != 201 { circle.fixture.circle = before }
        }
        #expect(status == 507)
        let full = try await circle.founder.frontier()
        #expect(full.bytesUsed <= 60000)
        var long = circle.counted
        while long.links.count < 40 { try long.beginEpoch(by: circle.second) }
        let refused = try await circle.founder.replace(with: Array(long.links.dropFirst(3)), after: circle.parting)
        #expect(refused.status == 507)
        #expect(try await circle.founder.frontier() == full)
        #expect(try await circle.founder.replace(with: circle.branch, after: circle.parting).status == 201)
        #expect(try await circle.founder.frontier().link == Data(circle.counted.chain.head.bytes))
    }

    @Test("recovery words that the relay knows are in every branch that it takes")
    func words() async throws {
        let (founder, lost, paper) = (SyntheticDevice(), SyntheticDevice(), SyntheticDevice(paper: true))
        var circle = try SyntheticCircle(founder: founder, paper: nil)
        let relay = try RelayProcess()
        let client = RelayClient(relay, device: founder, circle: circle.id)
        #expect(try await client.create(circle.links[0]).status == 201)
        try circle.add(lost, by: founder)
        var branch = circle
        try circle.add(paper, by: founder)
        try circle.beginEpoch(by: founder)
        let links = Array(circle.links.dropFirst())
        #expect(try await client.append(links, after: circle.links[0].hash).status == 201)

        // In the wrong hands it would shut the owner out where there were no words yet.
        try branch.add(SyntheticDevice(), by: lost)
        try branch.revoke(founder, by: lost)
        let rival = Array(branch.links.dropFirst(2))
        let thief = RelayClient(relay, device: lost, circle: circle.id)
        #expect(try await thief.replace(with: rival, after: links[0].hash).code == "E-RELAY-009")
        #expect(try await client.frontier().link == Data(circle.chain.head.bytes))
    }
}
