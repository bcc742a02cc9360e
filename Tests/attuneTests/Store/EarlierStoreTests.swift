// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// Stores and a relay's folder that an earlier Attune wrote are opened, migrated and used by today's.
@Suite struct EarlierStoreTests {
    @Test func anEarlierStoreIsReadAndWrittenTo() throws {
        let store = try EarlierCircle().loft
        #expect(try Self.ids(store) == EarlierCircle.versions)
        try store.expect("adapters", "verify", exits: 0)
        let report = try store.expect("doctor", exits: 0)
        #expect(report.output.contains("0 problems"), "\(report.output)")
        // What the other device calls this one is no name here; what this one calls the other is its name for it.
        #expect(try SyncCircle.devices(store) == ["loft", "recovery words", "study"])
        for reference in EarlierCircle.versions.keys {
            try store.expect("ask", reference, "What of the boat 3?", "--temp", "0", "--max", "6", exits: 0)
            #expect(try store.exportedTensors(reference).count > 10_000, "\(reference)")
        }
        let chat = ["chat", "logbook", "-c", "--max", "6", "--temp", "0"]
        let again = try store.expect(chat, exits: 0, input: "boat?\n")
        #expect(again.errors.contains("1 question"), "\(again.errors)")

        try store.expect("adapters", "rename", "letters", "post", exits: 0)
        try store.expect("adapters", "rollback", "logbook@1", exits: 0)
        #expect(try SyncCircle.heads(store, "logbook") == [EarlierCircle.versions["logbook@1"]])
        try store.train(store.writeRows(4), name: "post", extra: ["--valid", "0"])
        #expect(try Self.ids(store).keys.sorted() == ["logbook@1", "logbook@2", "post@1", "post@2"])
        try store.expect("adapters", "verify", exits: 0)
    }

    @Test func anEarlierRunGoesOn() throws {
        let store = try EarlierCircle().loft
        let process = try store.attune.start(["runs", "resume", "77d3", "--jsonl"])
        var steps: [Int] = []
        while let line = process.readLine() {
            let event = try SyncCircle.object(line)
            guard event["event"] as? String == "step", let step = event["step"] as? Int else { continue }
            steps.append(step)
            if steps.count == 3 { process.send(SIGINT) }
        }
        #expect(try process.wait() == .exit(130))
        #expect(steps.prefix(3) == [4, 5, 6])
        #expect(try store.vault().verify().isWhole)
    }

    @Test func anEarlierCircleFinishesWhatItWasSending() throws {
        let circle = try EarlierCircle()
        let relay = try RelayProcess(folder: circle.relay)
        let remote = ["--relay", relay.address]
        // One of the two chunks was there before.
        let sent = try SyncCircle.sync(circle.loft, remote)
        #expect(sent["entries_sent"] as? Int == 2, "\(sent)")
        #expect(sent["chunks_sent"] as? Int == 1, "\(sent)")
        let taken = try SyncCircle.sync(circle.desk, remote)
        #expect(taken["entries_taken"] as? Int == 2, "\(taken)")
        #expect(taken["chunks_taken"] as? Int == 2, "\(taken)")
        #expect(try Self.ids(circle.desk) == EarlierCircle.versions)
        for name in ["logbook", "letters"] {
            #expect(try SyncCircle.heads(circle.desk, name) == SyncCircle.heads(circle.loft, name))
            #expect(try SyncCircle.answer(circle.desk, name) == SyncCircle.answer(circle.loft, name))
        }
        // What is made now reaches the other device beside what was made then.
        try circle.desk.train(circle.desk.writeRows(4), name: "logbook", extra: ["--valid", "0"])
        for store in [circle.desk, circle.loft] { try SyncCircle.sync(store, remote) }
        #expect(try SyncCircle.heads(circle.loft, "logbook") == SyncCircle.heads(circle.desk, "logbook"))
        #expect(try Self.ids(circle.loft).count == 4)
        for store in [circle.desk, circle.loft] {
            try store.expect("adapters", "verify", exits: 0)
            let status = try store.expect("sync", "status", "--json", exits: 0).json()
            #expect((status["doubts"] as? [Any])?.isEmpty == true, "\(status)")
        }
        #expect(try relay.stop() == .exit(0))
    }

    private static func ids(_ store: TinyStore) throws -> [String: String] {
        try store.versions().mapValues(\.description)
    }
}
