// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneRelay
import AttuneTestSupport
import AttuneWire
import Foundation
import NIOCore
import Testing

/// Devices of one circle that change it by chance, each at a node of its own, while chunks are collected and days pass.
struct MixedChanges {
    static let isLong = ProcessInfo.processInfo.environment["ATTUNE_TEST_SLOW"] != nil

    let stores: [SQLRelayStore]
    let clock: StoreConformance.TestClock
    private let devices = (0..<4).map { _ in SyntheticDevice() }
    /// What all of them name and bring: few, so that they meet.
    private let chunks = (0..<60).map { _ in SyntheticCircle.chunk(4096) }

    init(stores: [SQLRelayStore], clock: StoreConformance.TestClock) {
        self.stores = stores
        self.clock = clock
    }

    /// Makes `count` changes and returns the circle.
    func run(count: Int) async throws -> CircleID {
        var circle = try SyntheticCircle(founder: devices[0], paper: SyntheticDevice(paper: true))
        #expect(try await stores[0].createCircle(circle.id, links: [StoredLink(circle.links[0])], invite: nil))
        for device in devices.dropFirst() {
            let before = circle.chain.head
            let link = try circle.add(device, by: devices[0])
            #expect(
                try await stores[0].appendLinks([StoredLink(link)], to: circle.id, after: before, cutOffs: []))
        }
        let whole = circle
        let share = count / devices.count
        let made = try await withThrowingTaskGroup(of: Int.self) { group in
            for (index, device) in devices.enumerated() {
                group.addTask {
                    var random = SyntheticRandom(seed: UInt64(count * 10 + index))
                    return try await change(whole, by: device, at: stores[index % stores.count], share, &random)
                }
            }
            for store in stores {
                group.addTask {
                    for _ in 0..<max(8, count / 100) {
                        try await Task.sleep(for: .milliseconds(40))
                        clock.pass(20_000)
                        try await store.collectGarbage()
                    }
                    return 0
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(made > count / 2)
        // A device goes, with all that it wrote after its first entry and the link that it made meanwhile.
        let gone = devices[3]
        var rival = circle
        let late = try rival.beginEpoch(by: gone)
        #expect(
            try await stores[0].appendLinks([StoredLink(late)], to: circle.id, after: circle.chain.head, cutOffs: []))
        let first = try await stores[0].entries(of: circle.id, device: gone.id, after: 0, limit: 1).entries[0]
        let last = try Entry(parsing: first)
        let link = try circle.revoke(gone, by: devices[0], last: last)
        #expect(
            try await stores[stores.count - 1].replaceLinks(
                with: [StoredLink(link)], of: circle.id, newest: late.hash,
                cutOffs: [CutOff(device: gone.id, seq: 1, entry: last.hash)]))
        try await stores[0].collectGarbage()
        #expect(try await stores[0].entries(of: circle.id, device: gone.id, after: 0, limit: 9).entries == [first])
        return circle.id
    }

    private func change(
        _ circle: SyntheticCircle, by device: SyntheticDevice, at store: SQLRelayStore, _ count: Int,
        _ random: inout SyntheticRandom
    ) async throws -> Int {
        var log: [Entry] = []
        var changes = 0
        for _ in 0..<count {
            let some = chunks.shuffled(using: &random).prefix(Int.random(in: 1...5, using: &random))
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                for chunk in some.prefix(1) {
                    _ = try await store.putChunk(ByteBuffer(bytes: chunk.bytes), id: chunk.id, in: circle.id)
                }
            case 4..<7: log.append(try circle.entry(by: device, after: log.last, chunks: some.map(\.id)))
            case 7: log.append(try circle.entry(by: device, after: log.last))
            default:
                let released = Set(log.shuffled(using: &random).prefix(3).map(\.hash))
                guard !released.isEmpty else { continue }
                log.append(try circle.entry(by: device, after: log.last, releasing: Array(released)))
            }
            changes += 1
            guard let entry = log.last else { continue }
            let outcomes = try await store.append(
                [StoredEntry(entry)], to: circle.id, newest: circle.chain.head, release: .inTime)
            #expect(outcomes == [.new] || outcomes == [.exists])
        }
        return changes
    }
}
