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
    /// Sequences that were decoded together.
    package let sequences: Int
    /// Median tokens per second of all sequences together, one adapter for all.
    package let tokensPerSecondWithOne: Double
    /// The same with an adapter for each.
    package let tokensPerSecond: Double
    /// Median of the ratios of pairs of runs.
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
        let decoder = Decoder(
            model: model, adapters: [adapters[1]], contextLength: 2 * Self.promptTokens,
            precision: .fastest(for: model))
        let request = prompt(Self.promptTokens)
        var milliseconds: [Double] = []
        for round in 0...rounds {
            _ = try decoder.evaluate(request)
            let seconds = Self.seconds { decoder.setAdapters([adapters[round % 2]]) }
            if round > 0 { milliseconds.append(1000 * seconds) }
        }
        let batch = try (0..<max(3, rounds / 5)).map { _ in
            (
                one: try batchRate(Array(repeating: adapters[0], count: sequences)),
                each: try batchRate(Array(adapters.prefix(sequences)))
            )
        }
        return AdaptersReport(
            rank: rank, switchMilliseconds: milliseconds.median, rounds: milliseconds, sequences: sequences,
            tokensPerSecondWithOne: batch.map(\.one).median, tokensPerSecond: batch.map(\.each).median,
            ratio: batch.map { $0.each / $0.one }.median,
            peakRssMib: Double(ProcessMemory.peak) / 1_048_576, level: Kernels.level, threads: Kernels.threads)
    }

    /// Tokens per second of a sequence for each of `adapters`, all together, after a prompt of `promptTokens`.
    private func batchRate(_ adapters: [AppliedAdapter], tokens: Int = 32) throws -> Double {
        let batch = BatchDecoder(
            model: model, contextLength: Self.promptTokens + tokens, precision: .fastest(for: model), cacheType: .f16)
        let sequences = adapters.map { batch.add(adapters: [$0]) }
        let ids = prompt(Self.promptTokens + tokens)
        func evaluate(_ ids: ArraySlice<Int32>) throws {
            _ = try batch.evaluate(sequences.map { BatchDecoder.Input(sequence: $0, ids: Array(ids)) })
        }
        try evaluate(ids.prefix(Self.promptTokens))
        let seconds = try Self.seconds {
            for position in Self.promptTokens..<ids.count { try evaluate(ids[position...position]) }
        }
        return Double(tokens * sequences.count) / seconds
    }
}
