// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import AttuneTensor

/// `attune-bench decode`: one token after another.
struct DecodeBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode",
        abstract: "Decode token by token after a prompt of \(Benchmark.promptTokens), with or without an adapter.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Tokens that are decoded.") var tokens = 128
    @Option(help: "Rounds that count.") var rounds = 5
    @Option(help: "How keys and values are kept: f32, f16 or q8_0.") var kvCache = CacheType.f16
    @Option(help: "Rank of an adapter that stays apart from the weights; measured beside the bare base in turn.")
    var adapterRank = 0

    func validate() throws {
        guard (1...1 << 20).contains(tokens) else { throw ValidationError("--tokens must be 1 to 1048576") }
        guard (0...1024).contains(adapterRank) else { throw ValidationError("--adapter-rank must be 0 to 1024") }
    }

    func run() throws {
        try BenchOptions.print(
            try options.benchmark(rounds: rounds, cacheType: kvCache).decode(tokens: tokens, adapterRank: adapterRank))
    }
}
