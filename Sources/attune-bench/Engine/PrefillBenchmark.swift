// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import AttuneTensor

/// `attune-bench prefill`: one prompt from an empty cache to the logits after its last token.
struct PrefillBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "prefill", abstract: "Evaluate a prompt.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Tokens of the prompt.") var tokens = 512
    @Option(help: "Rounds that count.") var rounds = 5
    @Option(help: "How keys and values are kept: f32, f16 or q8_0.") var kvCache = CacheType.f16

    func validate() throws {
        guard (1...1 << 20).contains(tokens) else { throw ValidationError("--tokens must be 1 to 1048576") }
    }

    func run() throws {
        try BenchOptions.print(try options.benchmark(rounds: rounds, cacheType: kvCache).prefill(tokens: tokens))
    }
}
