// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneTestSupport
import AttuneWire
import Foundation
import Testing

/// Sync with a real relay over a real socket.
@Suite struct RelayTransportTests {
    let relay: RelayProcess
    let folder: TemporaryDirectory
    let circle: Simulation

    init() throws {
        // Beside a whole suite a client may not come to its turn for as long as a stranger has.
        relay = try RelayProcess(options: ["--head-seconds", "60"])
        folder = try TemporaryDirectory()
        circle = try Simulation(seed: UInt64.random(in: 0...UInt64.max), quiet: 2)
    }

    private func store(_ index: Int) throws -> SimulatedStore {
        let path = folder.path + "/\(index)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return SimulatedStore(
            device: circle.devices[index].id, links: Array(circle.relay.links.prefix(index == 0 ? 5 : 3)), folder: path)
    }

    private func withTransport<Value>(
        _ index: Int, address: String? = nil, uploadLimit: Int? = nil, _ body: (HTTPTransport) async throws -> Value
    ) async throws -> Value {
        let identity = circle.devices[index].identity
        let remote = try #require(RemoteAddress(address ?? relay.address))
        let client = HTTPTransport.makeClient()
        let transport = HTTPTransport(
            client: client, address: remote, circle: circle.relay.chain.circle, device: identity.id,
            uploadLimit: uploadLimit, sign: { identity.sign($0) })
        do {
            let value = try await body(transport)
            try await client.shutdown()
            return value
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    private func session(_ index: Int, _ store: SimulatedStore, _ transport: HTTPTransport) -> SyncSession {
        let key = circle.key
        return SyncSession(
            store: store, transport: transport,
            author: SimulatedAuthor(identity: circle.devices[index].identity, key: key),
            options: SyncOptions(attempts: 2, seed: 1), apply: {})
    }

    private func chunks(_ count: Int, in store: SimulatedStore) throws -> [Digest256] {
        try (0..<count).map { index in
            let bytes = [UInt8](repeating: UInt8(index), count: 1 << 20)
            let id = BLAKE2b.hash(bytes)
            try store.storeChunk(id, bytes: bytes)
            return id
        }
    }

    @Test func entriesAndChunksReachTheOtherDeviceAndASecondSyncSendsNothing() async throws {
        let (first, second) = (try store(0), try store(1))
        let ids = try chunks(11, in: first)
        try first.draft(Simulation.marker, kind: .version, chunks: ids)
        try await withTransport(0) { transport in
            try await transport.createCircle(genesis: circle.relay.links[0].bytes, invite: nil)
            let outcome = try await session(0, first, transport).run()
            #expect(outcome.problems.isEmpty && outcome.entriesSent == 1 && outcome.chunksSent == 11)
            let before = transport.traffic
            let again = try await session(0, first, transport).run()
            #expect(again.isComplete && again.chunksSent == 0 && transport.traffic.sent == before.sent)
        }
        try second.want(ids)
        try await withTransport(1) { transport in
            let outcome = try await session(1, second, transport).run()
            #expect(outcome.problems.isEmpty && outcome.entriesTaken == 1 && outcome.chunksTaken == 11)
            #expect(outcome.linksTaken == circle.relay.links.count - 3)
        }
        #expect(second.state.logs == first.state.logs)
        for id in ids {
            let path = try #require(try second.chunkPath(id))
            #expect(BLAKE2b.hash(Array(try Data(contentsOf: URL(filePath: path)))) == id)
        }
    }

    @Test func aClockTenYearsOffIsAllowedForAndNotSet() async throws {
        let store = try store(0)
        try await withTransport(0) { transport in
            try await transport.createCircle(genesis: circle.relay.links[0].bytes, invite: nil)
            for offset in [315_360_000_000, -315_360_000_000] as [Int64] {
                try store.update(SyncSettings(clockOffset: offset))
                let outcome = try await session(0, store, transport).run()
                #expect(outcome.isComplete)
                // What a relay takes; the time that an answer waits for this process counts into it.
                #expect(abs(store.state.settings.clockOffset) < 300_000)
            }
        }
    }

    @Test func aWatchingDeviceHearsOfNewEntries() async throws {
        let (first, second) = (try store(0), try store(1))
        try await withTransport(0) { one in
            try await one.createCircle(genesis: circle.relay.links[0].bytes, invite: nil)
            _ = try await session(0, first, one).run()
            try await withTransport(1) { two in
                let (taken, inbox) = AsyncStream.makeStream(of: Int.self)
                let watching = session(1, second, two)
                let watch = Task {
                    try await watching.watch(
                        nudges: AsyncStream { _ in }, outcome: { outcome, _ in inbox.yield(outcome.entriesTaken) })
                }
                var results = taken.makeAsyncIterator()
                #expect(await results.next() == 0)
                // The stream of events has its first counts before the entry comes, or the run after it does.
                _ = try await two.news(after: nil)
                try first.draft(Simulation.marker, kind: .change)
                _ = try await session(0, first, one).run()
                var count = 0
                while count == 0 { count = await results.next() ?? -1 }
                #expect(count == 1)
                watch.cancel()
                _ = await watch.result
            }
        }
    }

    @Test func aLimitOfBytesPerSecondHolds() async throws {
        let store = try store(0)
        let ids = try chunks(2, in: store)
        try store.draft(Simulation.marker, kind: .version, chunks: ids)
        try await withTransport(0, uploadLimit: 1 << 20) { transport in
            try await transport.createCircle(genesis: circle.relay.links[0].bytes, invite: nil)
            let started = ContinuousClock.now
            let outcome = try await session(0, store, transport).run()
            #expect(outcome.chunksSent == 2)
            #expect(ContinuousClock.now - started > .seconds(1.5))
        }
    }

    @Test func nobodyAtTheAddressIsSaidSo() async throws {
        let store = try store(0)
        try await withTransport(0, address: "http://127.0.0.1:1") { transport in
            let outcome = try await session(0, store, transport).run()
            #expect(outcome.problems.map(\.code) == ["E-SYNC-001"])
        }
    }
}
