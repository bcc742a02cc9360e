// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit

/// `attune-bench memory`: the planner's figure beside what a run really takes.
struct MemoryBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory", abstract: "Train for one step, and compare the peak memory with the plan.")

    @OptionGroup var options: BenchOptions
    @OptionGroup var work: TrainingWorkOptions

    func run() throws {
        let report = try options.benchmark(rounds: 1).train(try work.work)
        let planned = report.training?.plannedMib ?? 0
        try BenchOptions.print(
            Report(
                plannedMib: planned, peakRssMib: report.peakRssMib, measuredToPlanned: report.peakRssMib / planned,
                recomputedLayers: report.training?.recomputedLayers ?? 0, level: report.level,
                threads: report.threads))
    }

    private struct Report: Encodable {
        let schema = 1
        let work = "memory"
        let plannedMib: Double
        let peakRssMib: Double
        let measuredToPlanned: Double
        let recomputedLayers: Int
        let level: String
        let threads: Int
    }
}
