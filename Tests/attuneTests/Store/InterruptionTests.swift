// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// Ctrl-C, SIGTERM and the end of the terminal save everything, and a resumed run ends with the bytes of one that was never stopped.
@Suite struct InterruptionTests {
    /// Whether the long loops run: `tools/test --all`.
    static let isSlow = ProcessInfo.processInfo.environment["ATTUNE_TEST_SLOW"] == "1"

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
    func aResumedRunHasTheBytesOfAnUninterruptedOne(signal: Int32) throws {
        let whole = try TinyStore()
        let rows = try whole.writeRows(90)
        let total = try #require(try whole.train(rows, name: "notes", epochs: "2")["steps"] as? Int)
        let expected = try whole.exportedTensors("notes")

        let stopped = try TinyStore(outside: whole.outside)
        for round in 0..<(Self.isSlow ? 25 : 2) {
            let name = "notes\(round)"
            var stops = 0
            var line = try interrupt(
                stopped, TinyStore.training(rows, name: name, epochs: "2"), at: Int.random(in: 1...total / 2), signal)
            while line["event"] as? String == "end", line["adapter"] == nil {
                stops += 1
                let run = try #require(line["run"] as? String)
                #expect(try stopped.versions().keys.allSatisfy { !$0.hasPrefix("\(name)@") })
                let command = ["runs", "resume", run, "--jsonl"]
                if stops < 3 {
                    let reached = try #require(line["steps"] as? Int)
                    line = try interrupt(stopped, command, at: Int.random(in: reached...total), signal)
                } else {
                    line = try stopped.expect(command, exits: 0).json()
                }
            }
            #expect(stops > 0, "the signal came too late in round \(round)")
            #expect(line["adapter"] as? String == "\(name)@1")
            #expect(try stopped.exportedTensors(name) == expected, "round \(round), \(stops) stops")
        }
        let vault = try stopped.vault()
        #expect(try vault.verify().isWhole)
        for run in try vault.runs.all() {
            let steps = try vault.runs.points(of: run.id, kind: .train).map(\.step)
            #expect(steps == Array(1...total))
        }
    }

    @Test func aRunWhoseProcessWasKilledIsNamedAsInterrupted() throws {
        let store = try TinyStore()
        let process = try store.attune.start(
            TinyStore.training(try store.writeRows(90), name: "notes", epochs: "9"))
        while let line = process.readLine() {
            guard let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                event["event"] as? String == "step", event["step"] as? Int == 7
            else { continue }
            // While it is at work nobody calls it anything else.
            let run = try #require(try Self.runs(store).first)
            #expect(run["state"] as? String == "running")
            process.send(SIGKILL)
            break
        }
        _ = process.remainingLines()
        _ = try process.wait()
        let run = try #require(try Self.runs(store).first)
        let id = try #require(run["id"] as? String)
        #expect(run["state"] as? String == "interrupted")
        let saved = try #require(run["step"] as? Int)
        #expect(try store.expect("runs", "show", id, exits: 0).output.contains("interrupted  step \(saved)/"))
        for command in [["runs", "list"], ["status"], ["doctor"]] {
            let result = try store.expect(command, exits: 0)
            #expect((result.output + result.errors).contains("attune runs resume \(id)"), "\(command)")
        }
        let end = try store.expect(["runs", "resume", id, "--jsonl"], exits: 0).json()
        #expect(end["adapter"] as? String == "notes@1")
        let total = try #require(end["steps"] as? Int)
        #expect(saved < total)
        #expect(
            try store.vault().runs.points(of: store.vault().runs.all()[0].id, kind: .train).map(\.step)
                == Array(1...total))
    }

    private static func runs(_ store: TinyStore) throws -> [[String: Any]] {
        let list = try store.expect("runs", "list", "--json", exits: 0).json()
        return try #require(list["runs"] as? [[String: Any]])
    }

    /// Starts a command, sends the signal once it reports `step`, and returns its last event.
    private func interrupt(
        _ store: TinyStore, _ arguments: [String], at step: Int, _ signal: Int32
    ) throws -> [String: Any] {
        let process = try store.attune.start(arguments)
        var last: [String: Any] = [:]
        var isSent = false
        while let line = process.readLine() {
            last = (try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]) ?? [:]
            guard !isSent, last["event"] as? String == "step", let now = last["step"] as? Int, now >= step else {
                continue
            }
            process.send(signal)
            isSent = true
        }
        let end = try process.wait()
        #expect(end == .exit(last["adapter"] == nil ? 128 + signal : 0))
        return last
    }

    @Test func aSecondSignalLeavesAtOnceAndTheLastCheckpointIsWhole() throws {
        let store = try TinyStore()
        let rows = try store.writeRows(40)
        let process = try store.attune.start(TinyStore.training(rows, name: "notes", epochs: "2000"))
        while let line = process.readLine() {
            if line.contains(#""event":"step""#), line.contains(#""step":12,"#) { break }
        }
        // The first is answered before the second is sent by no more than the time between two system calls.
        process.send(SIGINT)
        usleep(500)
        process.send(SIGINT)
        _ = process.remainingLines()
        #expect(try process.wait() == .exit(130))
        let run = try #require(try store.vault().runs.all().first)
        #expect(try store.vault().verify().isWhole)
        #expect(try #require(run.checkpointStep) >= 10)
        // What was reached can be kept as it is, too.
        try store.expect("runs", "accept", "\(run.id)", exits: 0)
        #expect(try store.versions().keys.contains("notes@1"))
        try store.expect("adapters", "verify", exits: 0)
    }

    @Test func anAnswerIsCutOffWith130() throws {
        let store = try TinyStore()
        let process = try store.attune.start(["ask", "--base", "Hello", "--max", "100000", "--temp", "1"])
        usleep(300_000)
        process.send(SIGINT)
        _ = process.remainingLines()
        #expect(try process.wait() == .exit(130) || process.poll() == .signal(SIGINT) || process.poll() == .exit(0))
    }
}
