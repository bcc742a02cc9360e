// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// A base file that loses its end while the real process works with it: an error that says so, and nothing is lost.
@Suite struct DamagedBaseProcessTests {
    @Test func trainingEndsWithAnErrorAndGoesOnOnceTheFileIsBack() throws {
        let store = try TinyStore()
        let rows = try store.writeRows(60)
        let total = try #require(try store.train(rows, name: "whole", epochs: "2")["steps"] as? Int)
        let file = store.attune.bases + "/tiny/tiny.gguf"
        let process = try store.attune.start(TinyStore.training(rows, name: "notes", epochs: "2"))
        var run: String?
        while let line = process.readLine() {
            let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
            run = event["run"] as? String ?? run
            guard event["event"] as? String == "step", event["step"] as? Int == total / 2 else { continue }
            #expect(truncate(file, 5000) == 0)
        }
        #expect(try process.wait() == .exit(8))
        try Data(TinyStore.base.encoded()).write(to: URL(filePath: file))
        let list = try store.expect("runs", "list", "--json", exits: 0).json()
        let runs = try #require(list["runs"] as? [[String: Any]])
        let failed = try #require(runs.first { $0["state"] as? String == "failed" })
        let id = try #require(run ?? failed["id"] as? String)
        let last = try store.expect("runs", "resume", id, "--jsonl", exits: 0).json()
        #expect(last["adapter"] as? String == "notes@1")
        #expect(try store.exportedTensors("notes") == store.exportedTensors("whole"))
    }
}
