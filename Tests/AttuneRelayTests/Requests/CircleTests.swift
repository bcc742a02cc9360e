// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import Testing

@Suite("Circles at a relay") struct CircleTests {
    @Test("a circle opens once, and its links come back as they were sent")
    func opening() async throws {
        var fixture = try await RelayFixture()
        let again = try await fixture.client.create(fixture.circle.links[0])
        #expect(again.status == 409)
        #expect(again.code == "E-RELAY-008")
        let second = try await fixture.add()
        let links = try await fixture.client(of: second).links()
        #expect(try links.links.map { try Link($0).hash } == fixture.circle.links.map(\.hash))
        let frontier = try await fixture.client.frontier()
        #expect(frontier.linkSeq == 2)
        #expect(frontier.link == Data(fixture.circle.chain.head.bytes))
    }

    @Test("a device that came later brings the circle with the links up to its own")
    func openingByAnother() async throws {
        let fixture = try await RelayFixture()
        let (first, second, gone) = (SyntheticDevice(), SyntheticDevice(), SyntheticDevice())
        var circle = try SyntheticCircle(founder: first, paper: nil)
        for device in [second, gone] {
            try circle.add(device, by: first)
            try circle.beginEpoch(by: first)
        }
        let known = circle.links
        try circle.revoke(gone, by: first)
        func bring(_ device: SyntheticDevice, _ links: [Link]) async throws -> RelayClient.Answer {
            try await RelayClient(fixture.client.address, device: device, circle: circle.id).create(
                known[0], Array(links.dropFirst()))
        }

        // Who is no device by the links that it brings is nobody.
        #expect(try await bring(second, [known[0]]).code == "E-RELAY-006")
        #expect(try await bring(gone, circle.links).code == "E-RELAY-006")
        #expect(try await bring(second, [known[0], known[2]]).code == "E-RELAY-010")
        #expect(try await bring(second, Array(known[..<2])).status == 201)
        let client = RelayClient(fixture.client.address, device: second, circle: circle.id)
        #expect(try await client.links().links.map { try Link($0).hash } == known[..<2].map(\.hash))
        #expect(try await client.append(Array(circle.links[2...]), after: known[1].hash).status == 201)
        #expect(try await client.frontier().link == Data(circle.chain.head.bytes))
        #expect(try await bring(first, known).code == "E-RELAY-008")
    }

    @Test("links are appended only after the newest one, and once though sent twice")
    func race() async throws {
        var fixture = try await RelayFixture()
        let genesis = fixture.circle.chain.head
        var other = fixture.circle
        let link = try fixture.circle.add(SyntheticDevice(), by: fixture.founder)
        let rival = try other.add(SyntheticDevice(), by: fixture.founder)
        #expect(try await fixture.client.append([link], after: genesis).status == 201)
        #expect(try await fixture.client.append([link], after: genesis).status == 201)
        let late = try await fixture.client.append([rival], after: genesis)
        #expect(late.status == 412)
        #expect(late.code == "E-RELAY-009")
        #expect(late.field("ETag") == "\"\(link.hash)\"")
        let wrong = try await fixture.client.append([rival], after: link.hash)
        #expect(wrong.status == 422)
        #expect(wrong.code == "E-RELAY-010")
        #expect(try await fixture.client.links().links.count == 2)
    }

    @Test("of twenty who append at once one succeeds")
    func manyAtOnce() async throws {
        let fixture = try await RelayFixture()
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<20 {
                var circle = fixture.circle
                let link = try circle.add(SyntheticDevice(), by: fixture.founder)
                group.addTask { try await fixture.client.append([link], after: fixture.circle.links[0].hash).status }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.count { $0 == 201 } == 1)
        #expect(statuses.count { $0 == 412 } == 19)
    }

    @Test("a removed device learns that it was, and nothing more")
    func revocation() async throws {
        var fixture = try await RelayFixture()
        let lost = try await fixture.add()
        let third = try await fixture.add()
        let before = fixture.circle.chain.head
        let removal = try fixture.circle.revoke(lost, by: fixture.founder)
        let after = try fixture.circle.add(SyntheticDevice(), by: fixture.founder)
        #expect(try await fixture.client.append([removal, after], after: before).status == 201)

        let client = fixture.client(of: lost)
        for (method, path) in [
            ("GET", "/frontier"), ("GET", "/entries"), ("GET", "/events?wait=1"), ("GET", "/chunks/\(before)"),
        ] {
            let answer = try await client.send(method, client.home + path)
            #expect(answer.status == 403, "\(path)")
            #expect(answer.code == "E-RELAY-005", "\(path)")
        }
        let entry = try fixture.circle.entry(by: lost)
        #expect(try await client.push([entry]).status == 403)
        #expect(try await fixture.client(of: third).outcomes([entry]) == [.refused])
        let seen = try await client.links().links
        #expect(try seen.map { try Link($0).hash } == fixture.circle.links.dropLast().map(\.hash))
    }

    @Test("one device alone deletes no circle; two do, and any brings it back")
    func deletion() async throws {
        var fixture = try await RelayFixture()
        let second = try await fixture.add()
        let head = fixture.circle.chain.head
        let chunk = SyntheticCircle.chunk()
        #expect(try await fixture.client.put(chunk).status == 201)
        let entry = try fixture.circle.entry(by: fixture.founder, chunks: [chunk.id])
        #expect(try await fixture.client.outcomes([entry]) == [.new])
        for signer in [nil, fixture.founder, SyntheticDevice()] {
            let answer = try await fixture.client.delete(second: signer, newest: head)
            #expect(answer.code == "E-RELAY-026", "\(signer?.id.description ?? "alone")")
        }
        // What was signed for an earlier state of the circle is worth nothing.
        #expect(
            try await fixture.client.delete(second: second, newest: fixture.circle.links[0].hash).code == "E-RELAY-026")
        #expect(try await fixture.client.outcomes([entry]) == [.exists])

        let deleted = try await fixture.client.delete(second: second, newest: head)
        #expect(deleted.status == 202)
        let until = try #require(deleted.field("Attune-Deleted-Until").flatMap { Double($0) })
        #expect(abs(until - Date().timeIntervalSince1970 - 30 * 86_400) < 3600)
        for (method, path) in [("GET", "/frontier"), ("GET", "/links"), ("GET", "/chunks/\(chunk.id)")] {
            let gone = try await fixture.client.send(method, fixture.client.home + path)
            #expect(gone.status == 410, "\(path)")
            #expect(gone.code == "E-RELAY-025", "\(path)")
        }
        #expect(try await fixture.client.create(fixture.circle.links[0]).code == "E-RELAY-025")
        let stranger = RelayClient(fixture.relay, device: SyntheticDevice(), circle: fixture.circle.id)
        #expect(try await stranger.send("POST", stranger.home + "/undelete").status == 404)
        #expect(try await fixture.client(of: second).send("POST", fixture.client.home + "/undelete").status == 204)
        #expect(try await fixture.client.get(chunk.id).body == chunk.bytes)
        #expect(try await fixture.client.outcomes([entry]) == [.exists])

        // The recovery words need nobody else.
        let paper = fixture.client(of: fixture.paper)
        #expect(try await paper.send("DELETE", paper.home).status == 202)
        #expect(try await fixture.client.send("GET", fixture.client.home + "/frontier").status == 410)
    }

    @Test("where circles are opened by invitation, a token opens one")
    func invitation() async throws {
        let relay = try RelayProcess(options: ["--invite-only"])
        let (first, second, paper) = (SyntheticDevice(), SyntheticDevice(), SyntheticDevice(paper: true))
        let circle = try SyntheticCircle(founder: first, paper: paper)
        let other = try SyntheticCircle(founder: second, paper: SyntheticDevice(paper: true))
        let client = RelayClient(relay, device: first, circle: circle.id)
        #expect(try await client.create(circle.links[0]).code == "E-RELAY-015")
        #expect(try await client.create(circle.links[0], invite: "guess").code == "E-RELAY-015")
        let folder = try TemporaryDirectory()
        let invite = try ChildProcess(
            try RelayProcess.binary, ["invite", "--dir", relay.folder], environment: ["PATH": "/usr/bin:/bin"],
            folder: folder.path, output: nil, errors: folder.path + "/errors")
        let token = try #require(invite.readLine())
        #expect(try await client.create(circle.links[0], invite: token).status == 201)
        let late = try await RelayClient(relay, device: second).create(other.links[0], invite: token)
        #expect(late.code == "E-RELAY-015")
    }
}
