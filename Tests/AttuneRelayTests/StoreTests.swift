// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneRelay
import AttuneTestSupport
import AttuneWire
import Foundation
import Testing

@Suite("Stores of a relay") struct StoreTests {
    @Test("SQLite and files keep what a relay keeps", arguments: StoreConformance.all.indices)
    func sqlite(part: Int) async throws {
        let folder = try TemporaryDirectory()
        let clock = StoreConformance.TestClock()
        let store = try SQLRelayStore(folder: folder.path, now: { clock.now })
        try await StoreConformance.all[part].run(StoreConformance(store: store, clock: clock))
    }

    @Test(
        "PostgreSQL keeps what a relay keeps",
        .enabled(if: PostgresServer.absence == nil, Comment(rawValue: PostgresServer.absence ?? "")))
    func postgres() async throws {
        let server = try PostgresServer()
        defer { withExtendedLifetime(server) {} }
        for part in StoreConformance.all {
            // Each in a schema of its own: one server serves them all.
            let schema = "s" + UUID().uuidString.prefix(8).lowercased()
            let clock = StoreConformance.TestClock()
            let (store, _) = try await SQLRelayStore.postgres(
                server.address, schema: schema, now: { clock.now })
            try await part.run(StoreConformance(store: store, clock: clock))
        }
    }

    @Test(
        "two nodes on one database serve one circle, with a device on each",
        .enabled(if: PostgresServer.absence == nil, Comment(rawValue: PostgresServer.absence ?? "")))
    func twoNodes() async throws {
        let server = try PostgresServer()
        defer { withExtendedLifetime(server) {} }
        let environment = ["ATTUNE_RELAY_DATABASE": server.address]
        let here = try RelayProcess(environment: environment)
        let there = try RelayProcess(environment: environment)
        var fixture = try await RelayFixture(here)
        let second = try await fixture.add()
        let other = RelayClient(there, device: second, circle: fixture.circle.id)
        #expect(try await other.links().links.count == 2)

        // A device that waits at the one node hears of what comes in at the other.
        async let news = other.send("GET", other.home + "/events?wait=30&links=2&entries=0")
        let chunk = SyntheticCircle.chunk()
        #expect(try await fixture.client.put(chunk).status == 201)
        try await Task.sleep(for: .milliseconds(300))
        let entry = try fixture.circle.entry(by: fixture.founder, chunks: [chunk.id])
        let start = ContinuousClock.now
        #expect(try await fixture.client.outcomes([entry]) == [.new])
        #expect(try await news.message(ProtoCounters.self).entries == 1)
        #expect(ContinuousClock.now - start < .seconds(10))
        #expect(try await other.entries().entries == [Data(entry.bytes)])
        #expect(try await other.get(chunk.id).body == chunk.bytes)

        // It hears too of what was told while its connection to the database was broken.
        async let later = other.send("GET", other.home + "/events?wait=30&links=2&entries=1")
        try await Task.sleep(for: .milliseconds(300))
        try server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        let missed = try fixture.circle.entry(by: fixture.founder, after: entry)
        let broken = ContinuousClock.now
        #expect(try await fixture.client.outcomes([missed]) == [.new])
        #expect(try await later.message(ProtoCounters.self).entries == 2)
        #expect(ContinuousClock.now - broken < .seconds(15))

        // Both push to the same log at once: one chain results.
        var log = [entry, missed]
        for _ in 0..<20 { log.append(try fixture.circle.entry(by: fixture.founder, after: log.last)) }
        let rest = Array(log.dropFirst(2))
        let client = fixture.client
        async let left = client.outcomes(rest)
        async let right = other.outcomes(rest)
        let outcomes = try await zip(left, right).map { Set([$0, $1]) }
        #expect(outcomes.allSatisfy { $0 == [.new, .exists] })
        #expect(try await other.entries("?device=\(fixture.founder.id)").entries == log.map { Data($0.bytes) })

        // A removal at the one node holds at the other at once.
        let before = fixture.circle.chain.head
        let removal = try fixture.circle.revoke(second, by: fixture.founder, second: fixture.paper)
        #expect(try await fixture.client.append([removal], after: before).status == 201)
        #expect(try await other.send("GET", other.home + "/entries").code == "E-RELAY-005")

        // The two sides of a pairing may be at different nodes.
        let opened = try await RelayClient(here).send("POST", "/v1/rendezvous").message(
            ProtoMailboxOpened.self)
        let path = "/v1/rendezvous/\(opened.nameplate)"
        let claim = [("Attune-Mailbox", String(repeating: "0a", count: 16))]
        async let message = RelayClient(there).send("GET", path + "/old?wait=20")
        #expect(try await RelayClient(here).send("POST", path + "/old", body: [1, 2], fields: claim).status == 201)
        #expect(try await message.message(ProtoMailbox.self).messages == [Data([1, 2])])
    }
}
