// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// `attune sync watch`: nothing has to be done by hand.
@Suite struct SyncWatchTests {
    @Test func aWatchingMachineGetsAndGivesAndOutlivesItsRelay() throws {
        let first = try TinyStore()
        let second = try TinyStore(outside: first.outside)
        var relay = try RelayProcess()
        try SyncCircle.pair(first, second, relays: (relay.address, relay.address))
        let rows = try first.writeRows(40)

        let watch = try Watch(second)
        #expect(try watch.next("started")["remote"] as? String == relay.address)

        // What the first machine publishes is on the second within seconds.
        try first.train(rows, name: "notes")
        try SyncCircle.sync(first)
        let published = ContinuousClock.now
        try watch.untilChunks()
        #expect(ContinuousClock.now - published < .seconds(15))
        #expect(try SyncCircle.answer(second, "notes") == SyncCircle.answer(first, "notes"))

        // The second trains beside the watch; that goes out by itself, once.
        try second.train(rows, name: "notes", seed: 11, extra: ["--from", "notes"])
        let sent = try watch.next("synced")["report"] as? [String: Any]
        #expect(sent?["entries_published"] as? Int == 1)
        #expect(sent?["chunks_sent"] as? Int ?? 0 >= 1)
        try SyncCircle.sync(first)
        #expect(try SyncCircle.answer(first, "notes") == SyncCircle.answer(second, "notes"))

        // The relay goes away and comes back at the same address, with something new in it.
        let (folder, port) = (relay.folder, relay.port)
        #expect(try relay.stop() == .exit(0))
        #expect(try watch.next("waiting")["error"] as? String == "E-SYNC-001")
        let copy = first.outside.path + "/relay"
        try FileManager.default.copyItem(atPath: folder, toPath: copy)
        try first.train(rows, name: "more")
        relay = try RelayProcess(folder: copy, listen: "127.0.0.1:\(port)")
        try SyncCircle.sync(first)
        try watch.untilChunks()
        #expect(try SyncCircle.answer(second, "more") == SyncCircle.answer(first, "more"))

        // While sync is paused nothing moves; afterwards it does.
        try second.expect("sync", "pause", exits: 0)
        _ = try watch.next("paused")
        try first.train(rows, name: "third")
        try SyncCircle.sync(first)
        #expect(try second.expect("sync", "status", "--json", exits: 0).json()["is_paused"] as? Bool == true)
        try second.expect("sync", "resume", exits: 0)
        _ = try watch.next("started")
        try watch.untilChunks()
        #expect(try SyncCircle.answer(second, "third") == SyncCircle.answer(first, "third"))

        // A signal ends it cleanly.
        watch.process.send(SIGTERM)
        #expect(try watch.process.wait(limit: 30) == .exit(0))
        #expect(watch.process.remainingLines().isEmpty)
    }

    @Test func aMachineThatIsShutOutStopsWatching() throws {
        let first = try TinyStore()
        let second = try TinyStore(outside: first.outside)
        let relay = try RelayProcess()
        try SyncCircle.pair(first, second, relays: (relay.address, relay.address))
        try SyncCircle.pair(
            first, try TinyStore(outside: first.outside), relays: (relay.address, relay.address),
            names: ("loft", "tower"))
        let watch = try Watch(second)
        _ = try watch.next("started")
        try first.expect("devices", "revoke", "desk", "--yes", exits: 0)
        _ = watch.process.remainingLines()
        #expect(try watch.process.wait(limit: 60) == .exit(6))
    }

    /// A store that watches.
    private struct Watch {
        let process: ChildProcess

        init(_ store: TinyStore) throws {
            process = try store.attune.start(["sync", "watch", "--jsonl"])
        }

        /// The next event of this kind; others are passed over.
        func next(_ kind: String) throws -> [String: Any] {
            // A line that never comes would hold the thread for ever.
            let end = DispatchWorkItem { process.send(SIGKILL) }
            DispatchQueue.global().asyncAfter(deadline: .now() + 120, execute: end)
            defer { end.cancel() }
            while let line = process.readLine() {
                let event = try SyncCircle.object(line)
                if event["event"] as? String == kind { return event }
            }
            throw Ended(kind: kind)
        }

        /// Returns when a run has brought chunks.
        func untilChunks() throws {
            while true {
                let report = try next("synced")["report"] as? [String: Any]
                if report?["chunks_taken"] as? Int ?? 0 > 0 { return }
            }
        }

        private struct Ended: Error, CustomStringConvertible {
            let kind: String
            var description: String { "the watch ended before it said \(kind)" }
        }
    }
}
