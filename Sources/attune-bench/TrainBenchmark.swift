// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit

/// `attune-bench train`: whole training steps on blocks of random tokens.
struct TrainBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train on random tokens; one step warms up, the others count.")

    @OptionGroup var options: BenchOptions
    @OptionGroup var work: TrainingWorkOptions
    @Option(help: "Steps that count.") var steps = 5

    func run() throws { try BenchOptions.print(try options.benchmark(rounds: steps).train(try work.work)) }
}
