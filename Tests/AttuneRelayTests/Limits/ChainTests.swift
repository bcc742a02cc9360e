// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import Synchronization
import Testing

@testable import AttuneRelay

/// A circle that far more devices were in than a cautious relay would keep in memory.
@Suite("A chain of very many devices at a relay", .serialized) struct ChainTests {
    /// A folder of a relay with the circle, put there past any server.
    private struct Stored {
        let folder: TemporaryDirectory
        let circle: SyntheticCircle
        let founder: SyntheticDevice
        var path: String { folder.path + "/relay" }

        init(devices: Int) async throws {
            folder = try TemporaryDirectory()
            founder = SyntheticDevice()
            let paper = SyntheticDevice(paper: true)
            var circle = try SyntheticCircle(founder: founder, paper: paper)
            while circle.links.count < 2 * devices {
                let device = SyntheticDevice()
                try circle.add(device, by: founder)
                try circle.revoke(device, by: founder, second: paper)
            }
            self.circle = circle
            let store = try SQLRelayStore(folder: folder.path + "/relay")
            let links = circle.links.map { StoredLink($0) }
            let isNew = try await store.createCircle(circle.id, links: [links[0]], invite: nil)
            try #require(isNew)
            let isTaken = try await store.appendLinks(
                Array(links.dropFirst()), to: circle.id, after: links[0].hash, cutOffs: [])
            try #require(isTaken)
        }

        func client(_ relay: RelayProcess) -> RelayClient { RelayClient(relay, device: founder, circle: circle.id) }
    }

    @Test("a chain of 1,500 devices is verified once, whoever asks and goes, and takes no more memory for it")
    func once() async throws {
        let stored = try await Stored(devices: 1500)
        let relay = try RelayProcess(folder: stored.path)
        let client = stored.client(relay)
        let empty = try relay.residentBytes()
        // All of them want the chain at once, and half are gone before it is there.
        let usage = ProcessUsage(relay.process.id)
        let start = usage.processorSeconds
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<30 {
                let gone = String(decoding: try client.raw("GET", client.home + "/frontier"), as: UTF8.self)
                try RawConnection(port: relay.port).abandon(gone, after: 2000)
                group.addTask { try await client.send("GET", client.home + "/frontier").status }
            }
            var statuses: [Int] = []
            for try await status in group { statuses.append(status) }
            return statuses
        }
        let first = usage.processorSeconds - start
        #expect(statuses == Array(repeating: 200, count: 30))
        let second = usage.processorSeconds
        for _ in 0..<10 { #expect(try await client.send("GET", client.home + "/frontier").status == 200) }
        let again = usage.processorSeconds - second
        let grown = try relay.residentBytes() - empty
        // Of its processor, whatever else the machine does.
        #expect(again < first / 2, "first \(first) s, ten more \(again) s")
        #expect(grown < 64 << 20)
    }

    @Test("links that follow are seen at once by who asks for the circle while it is verified")
    func newest() async throws {
        let stored = try await Stored(devices: 40)
        let store = try SQLRelayStore(folder: stored.path)
        let chains = CircleChains(store: store, limits: RelayLimits())
        var circle = stored.circle
        let id = circle.id
        for _ in 0..<20 {
            let asking = (0..<8).map { _ in Task { try await chains.circle(id)?.chain.seq } }
            let before = circle.chain
            let link = try circle.beginEpoch(by: stored.founder)
            let isTaken = try await store.appendLinks(
                [StoredLink(link)], to: circle.id, after: before.head, cutOffs: [])
            #expect(isTaken)
            #expect(try await chains.circle(circle.id)?.chain == circle.chain)
            for task in asking { #expect(try await task.value ?? 0 >= before.seq) }
        }
    }

    @Test("what is under way is done once for all who wait, of whom there are only so many, and ends with the last")
    func flight() async throws {
        let flight = SingleFlight<Int, Int>(3)
        let (begun, ended, gate, gone) = (Counter(), Counter(), Counter(), Counter())
        let asking = (0..<3).map { _ in
            Task {
                try await flight.run(1, isGone: { gone.count > 0 }) { check -> Int in
                    begun.add()
                    defer { ended.add() }
                    while gate.count == 0 {
                        try check()
                        try await Task.sleep(for: .milliseconds(5))
                    }
                    return 7
                }
            }
        }
        while begun.count == 0 { try await Task.sleep(for: .milliseconds(5)) }
        try await Task.sleep(for: .milliseconds(100))
        await #expect(throws: RelayError.self) { try await flight.run(1, isGone: { false }) { _ in 8 } }
        #expect(try await flight.run(2, isGone: { false }) { _ in 9 } == 9)
        // One goes, the others still get what they wait for.
        asking[0].cancel()
        await #expect(throws: RelayError.self) { try await asking[0].value }
        gate.add()
        #expect(try await asking[1].value == 7)
        #expect(try await asking[2].value == 7)
        #expect(begun.count == 1)
        let last = Task {
            try await flight.run(1, isGone: { gone.count > 0 }) { check -> Int in
                while true {
                    try check()
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
        }
        gone.add()
        await #expect(throws: RelayError.self) { try await last.value }
        for _ in 0..<200 where flight.count > 0 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(flight.count == 0)
        #expect(ended.count == 1)
    }

    /// Counts what happens in several tasks.
    private final class Counter: Sendable {
        private let state = Mutex(0)
        var count: Int { state.withLock { $0 } }
        func add() { state.withLock { $0 += 1 } }
    }
}
