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
            author: SimulatedAuthor(identity: circle.devices[index].identity, key: key), applier: NoApplier(),
            options: SyncOptions(attempts: 2, seed: 1))
    }

    private func chunks(_ count: Int, in store: SimulatedStore) throws -> [ChunkID] {
        try (0..<count).map { index in
            let bytes = [UInt8](repeating: UInt8(index), count: 1 << 20)
            let id = SealedChunk.id(of: bytes)
            try store.storeChunk(id, bytes: bytes)
            return id
        }
    }

    @Test func entriesAndChunksReachTheOtherDeviceAndASecondSyncSendsNothing() async throws {
        let (first, second) = (try store(0), try store(1))
        let ids = try chunks(11, in: first)
        try first.draft(Simulation.marker, kind: .version, chunks: ids)
        try await withTransport(0) { transport in
            try await transport.createCircle(links: [circle.relay.links[0].bytes], invite: nil)
            let outcome = try await session(0, first, transport).run()
            #expect(outcome.problems.isEmpty)
            #expect(outcome.entriesSent == 1)
            #expect(outcome.chunksSent == 11)
            let before = transport.traffic
            let again = try await session(0, first, transport).run()
            #expect(again.isComplete)
            #expect(again.chunksSent == 0)
            #expect(transport.traffic.sent == before.sent)
        }
        try second.want(ids)
        try await withTransport(1) { transport in
            let outcome = try await session(1, second, transport).run()
            #expect(outcome.problems.isEmpty)
            #expect(outcome.entriesTaken == 1)
            #expect(outcome.chunksTaken == 11)
            #expect(outcome.linksTaken == circle.relay.links.count - 3)
        }
        #expect(second.state.logs == first.state.logs)
        for id in ids {
            let path = try #require(try second.chunkPath(id))
            #expect(SealedChunk.id(of: Array(try Data(contentsOf: URL(filePath: path)))) == id)
        }
    }

    // MARK: A relay that takes no more

    /// The relay of a test of its own, with limits that are soon reached.
    private func limited(_ options: String...) throws -> RelayProcess {
        try RelayProcess(options: ["--head-seconds", "60"] + options)
    }

    @Test func aDeviceWhosePlacesAreTakenSaysSoAndLosesNothing() async throws {
        let relay = try limited("--device-entries", "3")
        let (first, second) = (try store(0), try store(1))
        for _ in 0..<5 { try first.draft(Simulation.marker, kind: .change) }
        try second.draft(Simulation.marker, kind: .change)
        try await withTransport(0, address: relay.address) { transport in
            try await transport.createCircle(links: [circle.relay.links[0].bytes], invite: nil)
            for _ in 0..<2 {
                let outcome = try await session(0, first, transport).run()
                #expect(outcome.problems.map(\.code) == ["E-SYNC-018"])
            }
            // All five have their place here, and come to whoever asks this device itself.
            #expect(first.state.logs[circle.devices[0].id]?.count == 5)
            try await withTransport(1, address: relay.address) { other in
                let outcome = try await session(1, second, other).run()
                #expect(outcome.problems.isEmpty)
                #expect(outcome.entriesTaken == 3)
                #expect(outcome.entriesSent == 1)
            }
            // What others publish still comes.
            let outcome = try await session(0, first, transport).run()
            #expect(outcome.entriesTaken == 1)
            #expect(outcome.problems.map(\.code) == ["E-SYNC-018"])
        }
        // At a relay with room all is taken.
        let roomy = try limited()
        try await withTransport(0, address: roomy.address) { transport in
            try await transport.createCircle(links: [circle.relay.links[0].bytes], invite: nil)
            let outcome = try await session(0, first, transport).run()
            #expect(outcome.isComplete)
            #expect(outcome.entriesSent == 6)
        }
    }

    @Test func aCircleWhoseSpaceIsUsedUpSaysSoAndGoesOnWhenThereIsMore() async throws {
        let relay = try limited("--circle-bytes", "3000000")
        let (first, second) = (try store(0), try store(1))
        let ids = try chunks(5, in: first)
        try first.draft(Simulation.marker, kind: .version, chunks: ids)
        try await withTransport(0, address: relay.address) { transport in
            try await transport.createCircle(links: [circle.relay.links[0].bytes], invite: nil)
            for _ in 0..<2 {
                let outcome = try await session(0, first, transport).run()
                #expect(outcome.problems.map(\.code) == ["E-SYNC-007"])
            }
        }
        try await withTransport(1, address: relay.address) { other in
            let outcome = try await session(1, second, other).run()
            #expect(outcome.problems.isEmpty)
        }
        #expect(first.state.drafts.isEmpty && first.state.logs[circle.devices[0].id]?.count == 1)
        // The operator gives more; the folder goes with the first relay.
        defer { withExtendedLifetime(relay) {} }
        _ = try relay.stop()
        let roomy = try RelayProcess(
            folder: relay.folder, listen: "127.0.0.1:\(relay.port)", options: ["--head-seconds", "60"])
        try await withTransport(0, address: roomy.address) { transport in
            let outcome = try await session(0, first, transport).run()
            #expect(outcome.problems.isEmpty, "\(outcome.problems.map(\.message))")
            #expect(outcome.entriesSent == 1, "\(outcome.problems.map(\.message))")
        }
        try second.want(ids)
        try await withTransport(1, address: roomy.address) { other in
            let outcome = try await session(1, second, other).run()
            #expect(outcome.problems.isEmpty)
            #expect(outcome.chunksTaken == 5)
        }
    }

    @Test func aCircleThatWasDeletedIsSaidToBeAndComesBackWhole() async throws {
        let (first, second) = (try store(0), try store(1))
        try first.draft(Simulation.marker, kind: .change)
        try await withTransport(0) { transport in
            try await transport.createCircle(links: [circle.relay.links[0].bytes], invite: nil)
            #expect(try await session(0, first, transport).run().isComplete)
            let other = circle.devices[1].identity
            let text = SignedText.delete(circle: circle.relay.chain.circle, newest: first.state.links.last!.hash)
            _ = try await transport.deleteCircle(second: (other.id, other.sign(text)))
            try first.draft(Simulation.marker, kind: .change)
            for _ in 0..<2 {
                let outcome = try await session(0, first, transport).run()
                #expect(outcome.problems.map(\.code) == ["E-SYNC-019"])
            }
            #expect(first.state.drafts.count == 1)
            try await transport.undeleteCircle()
            let outcome = try await session(0, first, transport).run()
            #expect(outcome.isComplete)
            #expect(outcome.entriesPublished == 1)
            #expect(outcome.entriesSent == 1)
        }
        try await withTransport(1) { other in
            let outcome = try await session(1, second, other).run()
            #expect(outcome.entriesTaken == 2)
        }
    }

    /// A chain of more bytes than a page of the relay has.
    @Test func aLongChainComesInPages() async throws {
        let large = try Simulation(seed: 5, quiet: 40)
        var (links, chain) = (large.relay.links, large.relay.chain)
        while links.reduce(0, { $0 + $1.bytes.count }) < 9 << 20 {
            let link = try SimulatedLinks.epoch(by: large.devices[0].identity, on: chain)
            try chain.append(link)
            links.append(link)
        }
        let founder = SimulatedStore(device: large.devices[0].id, links: links)
        let newcomer = SimulatedStore(device: large.devices[1].id, links: Array(links.prefix(3)))
        func run(_ index: Int, _ store: SimulatedStore) async throws -> (SyncOutcome, [[UInt8]], first: Int) {
            let identity = large.devices[index].identity
            let client = HTTPTransport.makeClient()
            // Beside a whole suite a page of megabytes may take longer than a person would wait.
            var deadlines = HTTPTransport.Deadlines()
            deadlines.message = 300
            let transport = HTTPTransport(
                client: client, address: try #require(RemoteAddress(relay.address)), circle: chain.circle,
                device: identity.id, deadlines: deadlines, sign: { identity.sign($0) })
            if index == 0 { try await transport.createCircle(links: [links[0].bytes], invite: nil) }
            let session = SyncSession(
                store: store, transport: transport, author: SimulatedAuthor(identity: identity, key: large.key),
                applier: NoApplier(), options: SyncOptions(attempts: 6, seed: 1))
            let outcome = try await session.run()
            let page = try await transport.links(after: 0)
            let all = try await transport.allLinks()
            try await client.shutdown()
            return (outcome, all, page.more ? page.links.count : 0)
        }
        #expect(try await run(0, founder).0.linksSent == links.count - 1)
        let (outcome, all, first) = try await run(1, newcomer)
        #expect(outcome.problems.isEmpty, "\(outcome.problems)")
        #expect(outcome.linksTaken == links.count - 3)
        #expect((1..<links.count).contains(first), "the first page has \(first) of \(links.count)")
        #expect(newcomer.state.links.map(\.hash) == links.map(\.hash))
        #expect(all == links.map(\.bytes))
    }

    @Test func aClockTenYearsOffIsAllowedForAndNotSet() async throws {
        let store = try store(0)
        try await withTransport(0) { transport in
            try await transport.createCircle(links: [circle.relay.links[0].bytes], invite: nil)
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
            try await one.createCircle(links: [circle.relay.links[0].bytes], invite: nil)
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
            try await transport.createCircle(links: [circle.relay.links[0].bytes], invite: nil)
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
