// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// The documented exit codes, each with an error that names its code and what mends it.
@Suite struct ExitCodeTests {
    @Test func aMissingStoreIs10() throws {
        let attune = try AttuneProcess()
        for command in [["status"], ["adapters", "list"], ["train", "."], ["undo"], ["doctor"], ["key", "show"]] {
            let result = try attune.run(command)
            #expect(result.status == 10, "\(command): \(result.errors)")
            #expect((result.errors + result.output).contains("attune init"), "\(command): \(result.errors)")
        }
    }

    @Test func aStoreInUseIs11AndReadersStillRead() throws {
        let store = try TinyStore()
        let rows = try store.writeRows(40)
        let writer = try store.attune.start(TinyStore.training(rows, name: "notes", epochs: "2000"))
        while let line = writer.readLine(), !line.contains(#""event":"step""#) {}
        let refused = try store.expect("adapters", "rename", "notes", "other", exits: 11)
        #expect(refused.errors.contains("process \(writer.id)"))
        try store.expect("status", exits: 0)
        try store.expect("runs", "list", exits: 0)
        writer.send(SIGKILL)
        _ = try writer.wait()
        try store.expect("adapters", "rename", "notes", "other", exits: 5)
    }

    @Test func aWrongPassphraseIs12AndSaysHowToRecover() throws {
        let store = try TinyStore()
        let wrong = try store.outside.write("not the passphrase\n", to: "wrong")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: wrong)
        let before = try Data(contentsOf: URL(filePath: store.attune.store + "/vault.key"))
        let result = try store.expect("status", "--key-file", wrong, exits: 12)
        #expect(result.errors.contains("attune key recover"))
        try store.expect("train", try store.writeRows(4), "--key-file", wrong, exits: 12)
        #expect(try Data(contentsOf: URL(filePath: store.attune.store + "/vault.key")) == before)
        try store.expect("status", exits: 0)
    }

    @Test func aKeyThatNobodyGivesIs4() throws {
        var attune = try TinyStore().attune
        attune.environment["ATTUNE_KEY_FILE"] = nil
        let result = try attune.run("status")
        #expect(result.status == 4)
        #expect(result.errors.contains("--key-file"))
    }

    @Test func whatIsNotThereIs5() throws {
        let store = try TinyStore()
        for command in [
            ["adapters", "show", "nobody"], ["adapters", "show", "nobody@3"], ["ask", "nobody", "hello"],
            ["runs", "show", "ffff"], ["runs", "resume", "ffff"], ["base", "show", "nobody"],
            ["adapters", "restore", "nobody"], ["adapters", "import", "/nowhere"], ["train", "/nowhere", "--yes"],
            ["base", "pull", "nothing-of-that-name"], ["undo"], ["adapters", "rm", "nobody", "--yes"],
            ["data", "check", "/nowhere"], ["chat"],
        ] { try store.expect(command, exits: 5) }
    }

    @Test func aConflictIs6() throws {
        let store = try TinyStore()
        let run = try #require(try store.train(try store.writeRows(12), name: "notes")["run"] as? String)
        try store.expect("adapters", "copy", "notes", "taken", exits: 0)
        try store.expect("adapters", "rename", "notes", "taken", exits: 6)
        try store.expect("adapters", "copy", "notes", "taken", exits: 6)
        try store.expect("init", "--base", "tiny", "--yes", exits: 6)
        try store.expect("runs", "resume", run, exits: 6)
        try store.expect("runs", "accept", run, exits: 6)
        let other = try SyntheticGGUF(layers: 1, width: 32, type: .f32, seed: 9).write(
            to: store.outside, name: "o.gguf")
        try store.expect("base", "add", other, "--name", "tiny", exits: 6)
        try store.expect("base", "add", store.outside.path + "/tiny.gguf", "--name", "second", exits: 6)
    }

    @Test func whatDoesNotFitIs7AndNothingIsStored() throws {
        let store = try TinyStore()
        let rows = try store.writeRows(12)
        let result = try store.expect(
            TinyStore.training(rows, name: "notes", extra: ["--memory-limit", "1M"]), exits: 7)
        #expect(result.errors.contains("E-TRAIN-005"))
        #expect(try store.versions().isEmpty)
        let vault = try store.vault()
        #expect(try vault.runs.all().isEmpty)
    }

    @Test(arguments: ["ask", "train", "chat"]) func aMemoryLimitThatCannotBeIsNamed(_ command: String) throws {
        let store = try TinyStore()
        let rows = try store.writeRows(12)
        try store.train(rows, name: "notes")
        let arguments = [
            "ask": ["ask", "notes", "hello"], "train": ["train", rows, "--name", "more", "--yes"],
            "chat": ["chat", "notes"],
        ][command, default: []]
        for value in ["0", "-1", "many", "2X", "nan", "1e99G", ""] {
            try store.expect(arguments + ["--memory-limit=\(value)"], exits: 64)
        }
        let result = try store.expect(arguments + ["--memory-limit", "3M"], exits: 7)
        #expect(result.errors.contains("at least"), "\(result.errors)")
        #expect(result.errors.contains("--memory-limit allows"))
        #expect(try Set(store.versions().keys) == ["notes@1"])
    }

    @Test func theCheapestChangeThatFitsIsNamedAndFits() throws {
        // Wide enough that its matrices have a use for ranks whose moments are worth 8 bits.
        let store = try TinyStore(
            base: SyntheticGGUF(
                layers: 2, width: 128, feedForward: 192, heads: 4, keyValueHeads: 2, vocabulary: 384,
                contextLength: 512, type: .f32))
        let rows = try store.writeRows(60)
        func command(_ limit: String, _ extra: [String]) -> [String] {
            ["train", rows, "--plan", "--rank", "512", "--max-len", "512", "--memory-limit", limit, "--yes"] + extra
        }
        let plan = try store.expect(
            command("1G", ["--optimizer", "adamw", "--checkpointing", "on", "--batch", "1", "--jsonl"]), exits: 0)
        let memory = try #require(plan.jsonLines().first?["memory"] as? [String: Any])
        let parts = ["weights", "adapter", "activations", "head", "panels", "overhead"].compactMap {
            memory[$0] as? Int
        }
        let limit = "\(parts.reduce(0, +) - 1_000_000)"
        let refused = try store.expect(command(limit, ["--optimizer", "adamw"]), exits: 7)
        let line = try #require(
            refused.errors.split(separator: "\n").first { $0.contains("It fits with ") }, "\(refused.errors)")
        let flags = line.split(separator: " ").drop { !$0.hasPrefix("--") }.map(String.init)
        #expect(flags == ["--optimizer", "adamw8bit"], "\(line)")
        try store.expect(command(limit, flags), exits: 0)
        // Nobody asked for another optimiser, so it is chosen.
        try store.expect(command(limit, []), exits: 0)
    }

    @Test func wrongUseIs64() throws {
        let store = try TinyStore()
        let rows = try store.writeRows(4)
        for command in [
            ["frobnicate"], ["train"], ["adapters", "show"], ["status", "--no-such-flag"],
            ["train", rows, "--rank", "many"], ["train", rows, "--rank", "0", "--yes"],
            ["train", rows, "--epochs", "nan", "--yes"], ["train", rows, "--lr", "-1", "--yes"],
            ["train", rows, "--valid", "120%", "--yes"], ["train", rows, "--layers", "9-3", "--yes"],
            ["train", rows, "--layers", "0-7", "--yes"], ["train", rows, "--modules", "q_projj", "--yes"],
            ["train", rows, "--name", "a b", "--yes"], ["train", rows, "--name", "../x", "--yes"],
            ["adapters", "show", "a@b"], ["ask", "--base", "x", "--temp", "-1"], ["ask", "--base", "x", "--max", "0"],
            ["ask", "--base", "x", "--top-p", "7"], ["eval", "x", "--data", rows, "--max-len", "1"],
        ] { try store.expect(command, exits: 64) }
        #expect(try store.vault().runs.all().isEmpty)
    }

    @Test func numbersWithoutBoundsDoNoHarm() throws {
        let store = try TinyStore()
        let rows = try store.writeRows(4)
        let huge = "9223372036854775807"
        for (command, codes) in [
            (["ask", "--base", "boat?", "--max", huge, "--temp", "0"], [0]),
            (["ask", "--base", "boat?", "--top-k", "-5"], [64]), (["ask", "--base", "boat?", "--min-p", "nan"], [64]),
            (["ask", "--base", "b", "--max", "2", "--repeat-last", huge, "--repeat-penalty", "2"], [0]),
            (["ask", "--base", "b", "--max", "2", "--top-logits", huge, "--json"], [0]),
            (["ask", "--base", "b", "--max", "2", "--seed", "18446744073709551615"], [0]),
            (["data", "preview", rows, "-n", huge, "--limit", "-1"], [0, 64]),
            (["data", "stats", rows, "--max-len", "0"], [0, 64]),
            (["train", rows, "--max-len", "0", "--yes"], [64]), (["train", rows, "--batch", huge, "--yes"], [64]),
            (["train", rows, "--accumulate", huge, "--batch", huge, "--yes"], [64]),
            (["train", rows, "--rank", huge, "--yes"], [64]), (["train", rows, "--epochs", "1e300", "--yes"], [64]),
            (["train", rows, "--evaluate-every", huge, "--patience", huge, "--plan", "--yes"], [0]),
            (["train", rows, "--threads", "-3", "--plan", "--yes"], [0, 64]),
            (["train", rows, "--layers", "0-4095", "--yes"], [64]),
            (["train", rows, "--alpha", "1e39", "--yes"], [64]),
            (["train", rows, "--valid", "99%", "--plan", "--yes"], [0, 8]),
        ] as [([String], [Int32])] {
            let result = try store.attune.run(command)
            #expect(result.isOrderly, "\(command): \(result.end) \(result.errors)")
            #expect(codes.contains(result.status), "\(command): \(result.end) \(result.errors)")
        }
    }

    @Test func aCommandThatDoesNotExistIs64AndTheNearestIsNamed() throws {
        let attune = try AttuneProcess()
        for (words, meant) in [
            (["trian", "notes"], "attune train"), (["device", "list"], "attune devices"),
            (["sync", "nwo"], "attune sync now"), (["runs", "resum", "7c1e"], "attune runs resume"),
        ] {
            let result = try attune.run(words)
            #expect(result.status == 64, "\(words)")
            #expect(result.output.isEmpty, "\(words)")
            #expect(result.errors.contains("did you mean \(meant)?"), "\(words): \(result.errors)")
        }
        let far = try attune.run("adapters", "qqqqq")
        #expect(far.status == 64)
        #expect(!far.errors.contains("did you mean"))
        #expect(far.errors.contains("attune adapters --help"))
        #expect(try attune.run("help", "sync").status == 0)
    }

    @Test func whatDoesNotGoTogetherIs64AndNamesTheCommandsOwnHelp() throws {
        let attune = try AttuneProcess()
        let result = try attune.run("adapters", "merge", "a", "b", "--into", "c", "--weight", "much")
        #expect(result.status == 64)
        #expect(result.errors.contains("E-GENERAL-003"))
        #expect(result.errors.contains("attune adapters merge --help"), "\(result.errors)")
        let joining = try attune.run("init", "--join", "--yes")
        #expect(joining.status == 64)
        #expect(joining.errors.contains("--relay URL or --direct HOST:PORT"))
        #expect(!FileManager.default.fileExists(atPath: attune.store))
    }

    @Test func planAndTopicsAreJSONWhereThatIsAskedFor() throws {
        let store = try TinyStore()
        let plan = try store.expect("train", try store.writeRows(20), "--plan", "--json", exits: 0)
        #expect(try plan.json()["event"] as? String == "plan")
        for topic in ["exit-codes", "environment", "formats", "privacy"] {
            #expect(try store.expect("explain", topic, "--json", exits: 0).json()["topic"] as? String == topic)
        }
    }

    @Test func theTableOfExitCodesIsShown() throws {
        let result = try AttuneProcess().run("explain", "exit-codes")
        for code in [0, 1, 3, 4, 5, 6, 7, 8, 10, 11, 12, 64, 75, 130, 143] {
            #expect(result.output.contains("\(code)\t"))
        }
    }
}
