// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit
import Foundation

/// `attune-bench curve`: a run that another trainer can repeat, step by step.
struct CurveBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "curve",
        abstract: "Train on files, and print the rows, the rate and the loss of every step.",
        discussion: "The adapter of the start is written into a new folder as PEFT reads it.")

    @OptionGroup var options: BenchOptions
    @OptionGroup var work: TrainingWorkOptions
    @Option(help: "Steps.") var steps = 200
    @Option(help: "The folder for the adapter of the start.") var adapter: String
    @Argument(help: "Files and folders to train on.") var paths: [String]

    func validate() throws {
        guard (1...100_000).contains(steps) else { throw ValidationError("--steps must be 1 to 100000") }
        guard !paths.isEmpty else { throw ValidationError("name the files to train on") }
    }

    func run() throws {
        try BenchOptions.print(
            try options.benchmark(rounds: 1).curve(
                try work.work, steps: steps, data: paths, startingAdapterTo: URL(filePath: adapter)))
    }
}
