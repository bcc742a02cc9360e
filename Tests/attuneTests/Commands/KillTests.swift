// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// Processes that are killed at any moment of training and of writing lose no finished version and leave no plaintext.
@Suite struct KillTests {
    private static let document = "quillfeathered-secret"
    private static let file = "xylophonist-diary"
    private static let name = "vexillology-notes"
    private static let prompt = "marzipan-question"
    /// The answer to the prompt is not known before; the rest of what must never be readable is.
    private static let markers = [document, file, name, prompt, "Zanzibar-label"]

    @Test func killedProcessesLoseNothingAndLeaveNoPlaintext() throws {
        let store = try TinyStore()
        let rows = try store.writeRows(60, to: Self.file + ".jsonl", marker: Self.document)
        var known: [String: VersionID] = [:]
        try store.train(rows, name: Self.name)
        let folder = store.outside.path + "/peft"
        try store.expect("adapters", "export", Self.name, "--format", "peft", folder, exits: 0)

        /// Runs a command to its end, or kills it after a random part of the time that its kind usually takes.
        var usual: [String: Double] = [:]
        func strike(_ kind: String, _ arguments: [String], input: String? = nil) throws {
            let clock = ContinuousClock()
            let start = clock.now
            let process = try store.attune.start(arguments, input: input)
            if let seconds = usual[kind] {
                usleep(UInt32(Double.random(in: 0...1.05) * seconds * 1e6))
                process.send(SIGKILL)
            }
            let lines = process.remainingLines()
            let end = try process.wait()
            let passed = start.duration(to: clock.now) / .seconds(1)
            if usual[kind] == nil {
                #expect(end == .exit(0), "\(arguments)")
                usual[kind] = passed
            }
            // What the process said it kept must be there from now on.
            for line in lines where line.contains(#""adapter":"\#(Self.name)@"#) {
                let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                let reference = try #require(event?["adapter"] as? String)
                let kept = try store.versions()
                let id: VersionID = try #require(kept[reference], "\(reference) was lost")
                known[reference] = id
            }
        }

        for round in 0..<(InterruptionTests.isSlow ? 200 : 12) {
            switch round < 5 ? round : Int.random(in: 0..<8) {
            case 0: try strike("train", TinyStore.training(rows, name: Self.name, seed: round))
            case 1: try strike("import", ["adapters", "import", folder, "--into", Self.name])
            case 2: try strike("label", ["adapters", "label", Self.name, "Zanzibar-label"])
            case 3: try strike("copy", ["adapters", "copy", Self.name, "\(Self.name)-\(round)"])
            case 4:
                try strike(
                    "chat", ["chat", Self.name, "--max", "4", "--temp", "0"], input: "\(Self.prompt) \(round)\n")
            case 5:
                let stopped = try store.vault().runs.all().last { $0.state != .finished && $0.state != .accepted }
                guard let stopped else { fallthrough }
                try strike("train", ["runs", "resume", "\(stopped.id)", "--jsonl"])
            default: try strike("train", TinyStore.training(rows, name: Self.name, seed: round))
            }
            try examine(store, &known, round: round)
        }

        // Every run that was cut off can still be brought to its end.
        if let run = try store.vault().runs.all().last(where: { $0.state != .finished && $0.state != .accepted }) {
            try store.expect("runs", "resume", "\(run.id)", exits: 0)
        }
        try store.expect("adapters", "verify", exits: 0)
        try store.expect("doctor", exits: 0)
    }

    /// The store opens, is whole, has every version it ever had, hides what it holds, and keeps no fragments.
    private func examine(_ store: TinyStore, _ known: inout [String: VersionID], round: Int) throws {
        let found = try PlaintextSearch.find(Self.markers, below: store.attune.home.path)
        #expect(found.isEmpty, "round \(round): \(found)")

        let vault = try store.vault(.writing)
        let report = try vault.verify()
        #expect(report.isWhole, "round \(round): \(report.problems)")
        try vault.close()
        // What the killed one had not listed yet is set aside once the store was closed.
        try store.vault(.writing).close()
        let now = try store.versions()
        for (reference, id) in known { #expect(now[reference] == id, "round \(round): \(reference) was lost") }
        known = now

        let home = store.attune.home.path
        #expect(PlaintextSearch.files(home + "/tmp").isEmpty, "round \(round)")
        #expect(PlaintextSearch.files(store.attune.store + "/tmp").isEmpty, "round \(round)")
        let names = Set(try FileManager.default.contentsOfDirectory(atPath: store.attune.store))
        let usual: Set = [
            "vault.key", "attune.db", "attune.db-wal", "attune.db-shm", "attune.mark", "chunks", "tmp", "lock",
            "reserve",
        ]
        #expect(names.subtracting(usual).isEmpty, "round \(round)")
        // Copies of a version share its chunks.
        let chunks = PlaintextSearch.files(store.attune.store + "/chunks").filter { !$0.contains("/.lost/") }
        #expect(chunks.count <= report.chunks, "round \(round)")
    }

    @Test func aKilledPassphraseChangeLeavesAStoreThatOpens() throws {
        let store = try TinyStore()
        let new = try store.outside.write("another good passphrase here\n", to: "new")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: new)
        for _ in 0..<(InterruptionTests.isSlow ? 30 : 4) {
            let process = try store.attune.start(["key", "passphrase", "--new-key-file", new])
            usleep(UInt32.random(in: 0...1_500_000))
            process.send(SIGKILL)
            _ = try process.wait()
            let old = try store.attune.run("status")
            let changed = try store.attune.run("status", "--key-file", new)
            #expect([old.status, changed.status].contains(0), "\(old.errors) \(changed.errors)")
            #expect([0, 12].contains(old.status))
            #expect([0, 12].contains(changed.status))
            if changed.status == 0 { break }
        }
    }
}
