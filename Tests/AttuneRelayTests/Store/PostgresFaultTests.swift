// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneRelay
import AttuneTestSupport
import AttuneWire
import Foundation
import Synchronization
import Testing

/// A relay whose PostgreSQL fails, waits, or was made by an earlier version.
@Suite(
    "A relay's PostgreSQL", .serialized,
    .enabled(if: PostgresServer.absence == nil, Comment(rawValue: PostgresServer.absence ?? "")))
struct PostgresFaultTests {
    private static let isLong = ProcessInfo.processInfo.environment["ATTUNE_TEST_SLOW"] != nil

    /// A device that pushes what the relay did not take, until it does.
    private struct Writer {
        let fixture: RelayFixture
        let relay: RelayProcess
        var entries: [Entry] = []
        var tries = 0
        var refusals: [String: Int] = [:]

        init(_ relay: RelayProcess) async throws {
            self.relay = relay
            fixture = try await RelayFixture(relay)
        }

        /// Repeats a request while its answer says that it can be repeated.
        mutating func insist(_ request: () async throws -> RelayClient.Answer) async throws -> RelayClient.Answer {
            while true {
                tries += 1
                let answer = try await request()
                guard answer.status >= 500 else { return answer }
                refusals["\(answer.status) \(answer.code)", default: 0] += 1
                try #require(answer.status == 503, "\(answer.code)\n\(relay.log)")
                try #require(answer.field("Retry-After") != nil)
                try #require(tries < 10_000)
                try await Task.sleep(for: .milliseconds(20))
            }
        }

        mutating func step() async throws {
            let client = fixture.client
            let chunk = SyntheticCircle.chunk(4096)
            let put = try await insist { try await client.put(chunk) }
            #expect([200, 201].contains(put.status), "\(put.code)")
            // Some that were pushed before are released.
            let isRelease = entries.count % 4 == 3
            var part: [Entry] = []
            for _ in 0..<3 {
                let releasing = isRelease && part.isEmpty ? [entries[entries.count - 3].hash] : []
                part.append(
                    try fixture.circle.entry(
                        by: fixture.founder, after: part.last ?? entries.last,
                        chunks: releasing.isEmpty ? [chunk.id] : [], releasing: releasing))
            }
            let pushed = part
            let answer = try await insist { try await client.push(pushed) }
            #expect(answer.status == 200, "\(answer.code)")
            let outcomes = try answer.message(ProtoPushResult.self).outcomes
            // All of them new, or all there from a request whose answer was lost; a long push may have ended between.
            #expect(outcomes.allSatisfy { $0 == .new || $0 == .exists }, "\(outcomes)")
            entries += part
        }
    }

    private func write(
        _ server: PostgresServer, rounds: Int, disturb: @escaping @Sendable () async throws -> Void
    ) async throws {
        let relay = try RelayProcess(environment: ["ATTUNE_RELAY_DATABASE": server.address])
        var started: [Writer] = []
        for _ in 0..<3 { started.append(try await Writer(relay)) }
        let beginning = started
        let isOver = Atomic(false)
        async let disturbances = Self.count(until: { isOver.load(ordering: .relaxed) }, disturb)
        let writers = try await withThrowingTaskGroup(of: Writer.self) { group in
            for writer in beginning {
                group.addTask {
                    var writer = writer
                    for _ in 0..<rounds { try await writer.step() }
                    return writer
                }
            }
            return try await group.reduce(into: [Writer]()) { $0.append($1) }
        }
        isOver.store(true, ordering: .relaxed)
        let count = try await disturbances
        let refusals = writers.reduce(into: [String: Int]()) { $0.merge($1.refusals) { $0 + $1 } }
        print("\(count) disturbances, \(writers.map(\.tries).reduce(0, +)) requests, refused: \(refusals)")
        #expect(count > 0)
        #expect(refusals.keys.allSatisfy { $0 == "503 E-RELAY-031" }, "\(refusals)")
        for writer in writers {
            var found: [Data] = []
            while true {
                let page = try await writer.fixture.client.entries("?after=\(found.count)")
                found += page.entries
                guard page.more, !page.entries.isEmpty else { break }
            }
            #expect(found == writer.entries.map { Data($0.bytes) })
        }
        #expect(try relay.stop() == .exit(0))
        let (store, _) = try await SQLRelayStore.postgres(server.address)
        try await store.workOff()
        #expect(try await store.check(mends: false).isEmpty)
        #expect(try await store.status().entries == UInt64(writers.map(\.entries.count).reduce(0, +)))
    }

    private static func count(
        until isOver: @escaping @Sendable () -> Bool, _ body: @escaping @Sendable () async throws -> Void
    ) async throws -> Int {
        var count = 0
        while !isOver() {
            try await body()
            count += 1
            try await Task.sleep(for: .milliseconds(Int.random(in: 1...60)))
        }
        return count
    }

    @Test("connections that end between statements: each push is whole or can be repeated, and sums are what is there")
    func terminated() async throws {
        let server = try PostgresServer()
        try await write(server, rounds: Self.isLong ? 200 : 25) {
            // Those inside a transaction first; a connection that only waits is no interruption.
            try server.execute(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
                AND backend_type = 'client backend' AND (state <> 'idle' OR random() < 0.3)
                """)
        }
    }

    @Test("a server that crashes and starts again: each push is whole or can be repeated, and sums are what is there")
    func crashed() async throws {
        let server = try PostgresServer()
        try await write(server, rounds: Self.isLong ? 120 : 20) {
            try server.crash()
            try await Task.sleep(for: .milliseconds(Int.random(in: 100...500)))
        }
    }

    @Test("pushes of one circle that wait in the database hold up no other circle")
    func oneCircleWaits() async throws {
        let server = try PostgresServer()
        let relay = try RelayProcess(environment: ["ATTUNE_RELAY_DATABASE": server.address])
        let (held, free) = (try await RelayFixture(relay), try await RelayFixture(relay))
        let key = Int64(bitPattern: held.circle.id.bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        let isHeld = Atomic(true)
        async let holder: Void = Task.detached {
            try? server.execute("BEGIN; SELECT pg_advisory_xact_lock(\(key)); SELECT pg_sleep(60); COMMIT")
            isHeld.store(false, ordering: .relaxed)
        }.value
        try await Task.sleep(for: .seconds(1))
        let entry = try held.circle.entry(by: held.founder)
        let waiting = (0..<24).map { _ in Task { try await held.client.push([entry]).status } }
        try await Task.sleep(for: .milliseconds(500))
        var last: Entry?
        for _ in 0..<10 {
            let next = try free.circle.entry(by: free.founder, after: last)
            #expect(try await free.client.outcomes([next]) == [.new])
            #expect(try await free.client.frontier().linkSeq == 1)
            last = next
        }
        let isStillHeld = isHeld.load(ordering: .relaxed)
        #expect(isStillHeld, "the others had to wait for the one circle")
        try server.execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()
            """)
        await holder
        for task in waiting { #expect(try await task.value == 200) }
    }

    @Test("a database of an earlier version is brought up to date, and its sums are what is there")
    func earlier() async throws {
        let server = try PostgresServer()
        try server.load(TestBase.tests.appending(path: "Data/earlier/relay.sql").path)
        let (store, mailboxes) = try await SQLRelayStore.postgres(server.address, now: { 1_796_100_000 })
        try await store.workOff()
        #expect(try await store.check(mends: false).isEmpty)
        let status = try await store.status()
        #expect(status.circles == 2)
        #expect(status.entries == 7)
        #expect(status.chunks == 3)
        // What an entry names stays, however late; the uploads that nobody named go.
        let (late, _) = try await SQLRelayStore.postgres(server.address, now: { 1_900_000_000 })
        try await late.collectGarbage()
        #expect(try await late.check(mends: false).isEmpty)
        #expect(try await late.status().chunks == 1)
        #expect(try await late.status().entries == 7)
        _ = mailboxes
    }
}
