// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
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
    /// Sequences that were decoded together.
    package let sequences: Int
    /// Median tokens per second of all sequences together, one adapter for all.
    package let tokensPerSecondWithOne: Double
    /// The same with an adapter for each.
    package let tokensPerSecond: Double
    /// Median of the ratios of steps that followed each other.
    package let ratio: Double
    package let peakRssMib: Double
    package let level: String
    package let threads: Int
}

extension Benchmark {
    /// Switches between two random adapters of `rank`, each time after a request, and decodes `sequences` sequences
    /// together, with one adapter for all and with one for each in turn.
    ///
    /// - Throws: `ModelError` where the request cannot be evaluated.
    package func adapters(rank: Int, sequences: Int = 16) throws -> AdaptersReport {
        let adapters = (1...max(2, sequences)).map { AppliedAdapter(randomAdapter(rank: rank, seed: UInt64($0))) }
        let context = 2 * Self.promptTokens
        let decoder = Decoder(
            model: model, adapters: [adapters[1]], contextLength: context,
            precision: try fastestPrecision(context, .f32))
        let request = prompt(Self.promptTokens)
        var milliseconds: [Double] = []
        for round in 0...rounds {
            _ = try decoder.evaluate(request)
            let seconds = Self.seconds { decoder.setAdapters([adapters[round % 2]]) }
            if round > 0 { milliseconds.append(1000 * seconds) }
        }
        let (one, each) = try steps(Array(repeating: adapters[0], count: sequences), Array(adapters.prefix(sequences)))
        return AdaptersReport(
            rank: rank, switchMilliseconds: milliseconds.median, rounds: milliseconds, sequences: sequences,
            tokensPerSecondWithOne: Double(sequences) / one.median, tokensPerSecond: Double(sequences) / each.median,
            ratio: zip(one, each).map { $0 / $1 }.median,
            peakRssMib: Double(MemoryLimits.peak()) / 1_048_576, level: Kernels.level, threads: Kernels.threads)
    }

    /// Seconds of the steps of a sequence for each of `one`, all together, and for each of `each`; the steps alternate, so
    /// that both meet the same load.
    private func steps(
        _ one: [AppliedAdapter], _ each: [AppliedAdapter], tokens: Int = 96
    ) throws -> (one: [Double], each: [Double]) {
        let ids = prompt(Self.promptTokens + tokens)
        let precision = try fastestPrecision(ids.count, .f16)
        let runs = try [one, each].map { adapters in
            let batch = BatchDecoder(
                model: model, contextLength: ids.count, precision: precision, cacheType: .f16)
            let sequences = adapters.map { batch.add(adapters: [$0]) }
            let evaluate = { (ids: ArraySlice<Int32>) in
                _ = try batch.evaluate(sequences.map { BatchDecoder.Input(sequence: $0, ids: Array(ids)) })
            }
            try evaluate(ids.prefix(Self.promptTokens))
            return evaluate
        }
        var seconds: [[Double]] = [[], []]
        for position in Self.promptTokens..<ids.count {
            for (run, evaluate) in runs.enumerated() {
                seconds[run].append(try Self.seconds { try evaluate(ids[position...position]) })
            }
        }
        return (seconds[0], seconds[1])
    }
}
