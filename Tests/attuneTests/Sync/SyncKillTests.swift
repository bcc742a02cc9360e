// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// Devices and a relay that are killed in the middle of transfers lose nothing, and send hardly anything twice.
@Suite struct SyncKillTests {
    @Test func killedTransfersGoOnWhereTheyWere() throws {
        let first = try TinyStore()
        let second = try TinyStore(outside: first.outside)
        let wire = try RecordingProxy(keeps: false)
        let options = ["--authority", "127.0.0.1:\(wire.port)", "--open"]
        var relay = try RelayProcess(options: options)
        let folder = try TemporaryDirectory()
        _ = try relay.stop()
        relay = try RelayProcess(folder: folder.path + "/relay", options: options)
        wire.start(to: UInt16(relay.port))
        let address = "http://127.0.0.1:\(wire.port)"
        try SyncCircle.pair(first, second, relays: (address, address))
        let rows = try first.writeRows(12)
        let begin = wire.count

        /// Starts a sync and kills it, the relay or nothing, at a random moment.
        var interrupted = 0
        func strike(_ store: TinyStore) throws {
            let process = try store.attune.start(["sync", "now", "--json"])
            usleep(UInt32.random(in: 20_000...400_000))
            switch Int.random(in: 0..<3) {
            case 0:
                process.send(SIGKILL)
                interrupted += 1
            case 1:
                relay.process.send(SIGKILL)
                _ = try relay.process.wait(limit: 30)
                relay = try RelayProcess(folder: folder.path + "/relay", options: options)
                wire.start(to: UInt16(relay.port))
                interrupted += 1
            default: break
            }
            _ = process.remainingLines()
            try process.wait(limit: 120)
        }

        let rounds = InterruptionTests.isSlow ? 100 : 5
        for round in 0..<rounds {
            try first.train(rows, name: "notes", seed: round + 1, extra: ["--rank", "64"])
            try strike(first)
            try strike(second)
        }
        try SyncCircle.sync(first)
        try SyncCircle.sync(second)
        // Everything is on both sides, whole. The other device wants the bytes of heads only.
        let versions = try first.versions()
        #expect(versions.count == rounds)
        #expect(try Set(second.versions().values) == Set(versions.values))
        for store in [first, second] { try store.expect("adapters", "verify", exits: 0) }
        #expect(try SyncCircle.answer(second, "notes") == SyncCircle.answer(first, "notes"))
        // One chunk for each version: up, and at most once down, and one more for each transfer that was cut. What else
        // passes is small beside it.
        let files = try FileManager.default.subpathsOfDirectory(atPath: first.attune.store + "/chunks")
        let sizes = try files.map {
            try FileManager.default.attributesOfItem(atPath: "\(first.attune.store)/chunks/\($0)")[.size] as? Int ?? 0
        }
        let chunk = try #require(sizes.max())
        let (passed, syncs) = (wire.count - begin, 2 * rounds + 2)
        let most = chunk * (2 * rounds + interrupted + 2) + syncs * chunk / 4
        #expect(chunk > 60_000)
        #expect(passed <= most, "\(passed) bytes passed, chunks have \(chunk)")
    }
}
