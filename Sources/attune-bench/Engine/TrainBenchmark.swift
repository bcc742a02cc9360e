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
    @Option(help: "Further adapters, trained side by side, each on rows of its own.") var also = 0

    func validate() throws {
        guard (0...63).contains(also) else { throw ValidationError("--also must be 0 to 63") }
    }

    func run() throws {
        var work = try work.work
        work.adapters += also
        try BenchOptions.print(try options.benchmark(rounds: steps).train(work))
    }
}
