// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit

/// `attune-bench adapters`: what it costs to serve several adapters from one base.
struct AdaptersBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adapters", abstract: "Switch between two adapters, and decode sequences with an adapter each.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Rank of the adapters.") var rank = 8
    @Option(help: "Sequences that are decoded together.") var sequences = 16
    @Option(help: "Switches that count.") var rounds = 25

    func validate() throws {
        guard (1...1024).contains(rank) else { throw ValidationError("--rank must be 1 to 1024") }
        guard (1...512).contains(sequences) else { throw ValidationError("--sequences must be 1 to 512") }
    }

    func run() throws {
        try BenchOptions.print(try options.benchmark(rounds: rounds).adapters(rank: rank, sequences: sequences))
    }
}
