// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// Two machines, a relay, the real base and a real diary: from the first code to the revocation.
@Suite struct RealTranscriptTests {
    static let isSlow = ProcessInfo.processInfo.environment["ATTUNE_TEST_SLOW"] == "1"

    @Test(.enabled(if: isSlow)) func theDiaryOfOneMachineAnswersOnTheOther() throws {
        let base = try TestBase.path
        let diary = TestBase.tests.appending(path: "Data/diary").path
        let relay = try RelayProcess()
        let (laptop, desk) = (try AttuneProcess(), try AttuneProcess())
        let outside = try TemporaryDirectory()
        let words = outside.path + "/words"
        try Self.run(laptop, "init", "--base", base, "--recovery-file", words, "--name", "laptop", "--yes")
        let adding = try laptop.start(["devices", "add", "--relay", relay.address, "--yes", "--json"])
        let code = try SyncCircle.code(adding)
        try Self.run(
            desk, "init", "--join", "--code-file", outside.write(code, to: "code"), "--relay", relay.address, "--base",
            base, "--name", "desk", "--yes")
        _ = adding.remainingLines()
        #expect(try adding.wait() == .exit(0))

        // One trains; the other gives the same text.
        try Self.train(laptop, diary, seed: 1)
        try Self.run(laptop, "sync", "now")
        let taken = try Self.run(desk, "sync", "now", "--json").json()
        #expect(taken["chunks_taken"] as? Int ?? 0 >= 1)
        let first = try Self.answer(laptop)
        #expect(try Self.answer(desk) == first)
        #expect(!first.isEmpty)
        #expect(try Self.run(laptop, "ask", "--base", Self.question, "--temp", "0", "--max", "24").output != first)

        // Both go on at once; both have both heads; the sum of both is the same on both.
        try Self.train(laptop, diary, seed: 2, from: "diary")
        try Self.train(desk, diary, seed: 3, from: "diary")
        for device in [laptop, desk, laptop] { try Self.run(device, "sync", "now") }
        let heads = try Self.heads(laptop)
        #expect(heads.count == 2)
        #expect(try Self.heads(desk) == heads)
        try Self.run(desk, "sync", "resolve", "diary", "--merge")
        for device in [desk, laptop] { try Self.run(device, "sync", "now") }
        #expect(try Self.heads(laptop).count == 1)
        #expect(try Self.heads(laptop) == Self.heads(desk))
        let merged = try Self.answer(desk)
        #expect(try Self.answer(laptop) == merged)

        // Shut out, with the recovery words since it is the last other one; nothing reaches it any more.
        try Self.run(laptop, "devices", "revoke", "desk", "--yes", "--words-file", words)
        try Self.train(laptop, diary, seed: 4, from: "diary")
        try Self.run(laptop, "sync", "now")
        #expect(try desk.run("sync", "now").status == 6)
        #expect(try Self.answer(desk) == merged)
    }

    private static let question = "What did you do in the morning?"

    private static func train(
        _ device: AttuneProcess, _ diary: String, seed: Int, from: String? = nil
    ) throws {
        let arguments = [
            "train", diary, "--name", "diary", "--epochs", "1", "--rank", "16", "--alpha", "32", "--lr", "1e-3",
            "--max-len", "128", "--batch", "2", "--packing", "wrapped", "--seed", "\(seed)", "--valid", "10%",
            "--yes", "--jsonl",
        ]
        let result = try device.run(arguments + (from.map { ["--from", $0] } ?? []))
        try #require(result.status == 0, "\(result.errors)")
        #expect(try result.json()["event"] as? String == "end")
    }

    private static func answer(_ device: AttuneProcess) throws -> String {
        let answer = try run(device, "ask", "diary", question, "--temp", "0", "--max", "24", "--json").json()
        return try #require(answer["text"] as? String)
    }

    private static func heads(_ device: AttuneProcess) throws -> Set<String> {
        let list = try run(device, "adapters", "heads", "diary", "--json").json()
        return Set(try #require(list["adapters"] as? [[String: Any]]).compactMap { $0["id"] as? String })
    }

    @discardableResult
    private static func run(
        _ device: AttuneProcess, _ arguments: String..., at location: SourceLocation = #_sourceLocation
    ) throws -> AttuneProcess.Result {
        let result = try device.run(arguments)
        try #require(result.status == 0, "\(arguments): \(result.errors)", sourceLocation: location)
        return result
    }
}
