// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit

/// `attune-bench kernels`: every kernel on the shapes of a base.
struct KernelsBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels", abstract: "Time every kernel beside what registers alone, and plain reading, can do.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Rows of the activations.") var tokens = 512
    @Option(help: "Rounds of each kernel.") var rounds = 5

    func validate() throws {
        guard (1...1 << 16).contains(tokens) else { throw ValidationError("--tokens must be 1 to 65536") }
    }

    func run() throws { try BenchOptions.print(try options.benchmark(rounds: rounds).kernels(tokens: tokens)) }
}
