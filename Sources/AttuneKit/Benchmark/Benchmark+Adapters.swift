// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneModel
import AttuneTensor

/// What it costs to serve several adapters from one base.
package struct AdaptersReport: Encodable, Sendable {
    package let schema = 1
    package let work = "adapters"
    package let rank: Int
    /// Median time to put another adapter on the base between two requests.
    package let switchMilliseconds: Double
    package let rounds: [Double]
    package let peakRssMib: Double
    package let level: String
    package let threads: Int
}

extension Benchmark {
    /// Switches between two random adapters of `rank`, each time after a request.
    ///
    /// - Throws: `ModelError` where the request cannot be evaluated.
    package func adapters(rank: Int) throws -> AdaptersReport {
        let adapters = [1, 2].map { AppliedAdapter(randomAdapter(rank: rank, seed: $0)) }
        let decoder = Decoder(model: model, adapters: [adapters[1]], contextLength: 2 * Self.promptTokens)
        let request = prompt(Self.promptTokens)
        var milliseconds: [Double] = []
        for round in 0...rounds {
            _ = try decoder.evaluate(request)
            let seconds = Self.seconds { decoder.setAdapters([adapters[round % 2]]) }
            if round > 0 { milliseconds.append(1000 * seconds) }
        }
        return AdaptersReport(
            rank: rank, switchMilliseconds: milliseconds.median, rounds: milliseconds,
            peakRssMib: Double(ProcessMemory.peak) / 1_048_576, level: Kernels.level, threads: Kernels.threads)
    }
}
