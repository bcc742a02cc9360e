// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// Benchmarks of Attune beside its peers; each prints one JSON object as its last line.
@main
struct AttuneBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attune-bench", abstract: "Measure Attune beside its peers.",
        subcommands: [
            TrainBenchmark.self, PrefillBenchmark.self, DecodeBenchmark.self, AdaptersBenchmark.self,
            MemoryBenchmark.self, KernelsBenchmark.self, CurveBenchmark.self, VaultBenchmark.self, SyncBenchmark.self,
            RelayBenchmark.self, HostileAttacker.self,
        ])
}
