// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit

/// `attune-bench prefill`: one prompt from an empty cache to the logits after its last token.
struct PrefillBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "prefill", abstract: "Evaluate a prompt.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Tokens of the prompt.") var tokens = 512
    @Option(help: "Rounds that count.") var rounds = 5

    func validate() throws {
        guard tokens > 0 else { throw ValidationError("--tokens must be at least 1") }
    }

    func run() throws { try BenchOptions.print(try options.benchmark(rounds: rounds).prefill(tokens: tokens)) }
}
