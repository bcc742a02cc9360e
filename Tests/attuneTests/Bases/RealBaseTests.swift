// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// The forms that other programs use, word for word, on the real base.
@Suite struct RealBaseTests {
    @Test func theFormsThatOthersUseWork() throws {
        let attune = try AttuneProcess()
        let base = try TestBase.path
        let outside = try TemporaryDirectory()
        let text = String(repeating: "Up betimes and to my office, where I was all the morning. ", count: 12)
        for index in 0..<4 { try outside.write("# Day \(index)\n\n\(text)", to: "diary/day\(index).md") }
        let diary = outside.path + "/diary"

        func succeed(_ arguments: String..., at location: SourceLocation = #_sourceLocation) throws
            -> AttuneProcess.Result
        {
            let result = try attune.run(arguments)
            try #require(result.status == 0, "\(arguments): \(result.errors)", sourceLocation: location)
            return result
        }
        _ = try succeed("init", "--base", base, "--yes")
        let events = try succeed(
            "train", diary, "--name", "N", "--epochs", "1", "--rank", "16", "--alpha", "32", "--lr", "2e-4",
            "--max-len", "64", "--batch", "2", "--packing", "wrapped", "--seed", "1", "--valid", "10%", "--yes",
            "--jsonl"
        ).jsonLines()
        let end = try #require(events.last)
        #expect(end["event"] as? String == "end")
        #expect(end["adapter"] as? String == "N@1")
        #expect(events.first?["event"] as? String == "plan")
        let step = try #require(events.first { $0["event"] as? String == "step" })
        for key in ["step", "total", "loss", "rate", "tokens_per_second", "memory_mib", "remaining"] {
            #expect(step[key] as? Double != nil, "\(key)")
        }
        // The plan is held: what was used at most is within 15 % of it, or 64 MiB for a base this small.
        let (peak, planned) = (
            try #require(end["peak_bytes"] as? Double), try #require(end["planned_bytes"] as? Double)
        )
        #expect(abs(peak - planned) < max(0.15 * planned, 64 * 1_048_576))

        let question = "What do you do in the morning?"
        let answer = try succeed("ask", "N", question, "--temp", "0", "--max", "16", "--json").json()
        #expect((answer["text"] as? String)?.isEmpty == false)
        let plain = try succeed("ask", "--base", question, "--temp", "0", "--max", "16", "--json").json()
        #expect((plain["text"] as? String)?.isEmpty == false)
        let measured = try succeed("eval", "N", "--data", diary, "--against", "base", "--json").json()
        #expect(
            try #require(measured["loss"] as? Double) < (try #require(measured["base_loss"] as? Double)))
        #expect(measured["tokens"] as? Int != nil)
        let out = outside.path + "/OUT"
        _ = try succeed("adapters", "export", "N", "--format", "peft", out)
        _ = try succeed("adapters", "import", out, "--name", "M")
        let ids = try succeed("base", "tokenize", "Hello world", "--json").json()
        #expect(ids["ids"] as? [Int] == [19556, 905])
    }
}
