// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneModel
import AttuneTensor

/// What one machine does with one base, measured in about a minute.
package struct MachineFigures: Encodable, Sendable {
    package let schema = 1
    package let base: String
    package let level: String
    package let threads: Int
    /// Of registers alone, 10⁹ operations per second, and the numbers that are multiplied.
    package let peakGflops: Double
    package let peakNumbers: String
    package let readGigabytesPerSecond: Double
    /// Tokens per second.
    package let training: Double
    package let prefill: Double
    package let decode: Double
    /// Of the peak, and of plain reading.
    package let trainingShareOfPeak: Double
    package let decodeShareOfReadRate: Double
    package let peakRssMib: Double
    /// Rows, tokens of a row and rank of the steps that were trained.
    package let batch: Int
    package let maxLength: Int
    package let rank: Int
}

extension Benchmark {
    /// Trains, reads a prompt and decodes; `note` is told what comes next.
    ///
    /// - Parameter quick: fewer tokens, for rough figures in seconds.
    /// - Throws: `TrainingError` where a run does not fit into memory, `ModelError`.
    package func figures(base: String, quick: Bool, note: (String) -> Void) throws -> MachineFigures {
        // Larger bases get fewer tokens: half of the peak, and 8 GB/s, are what a step and a token are guessed from.
        let seconds = quick ? 0.5 : 6.0
        let peak = Ceiling.operationsPerSecond(Self.numbers(Precision.bfloat16))
        let affordable = Int(seconds * peak / 2 / Double(4 * (linearWeights + headWeights)))
        let length = max(64, min(affordable, 512, model.configuration.contextLength - 1))
        let batch = max(1, min(4, affordable / length))
        let answer = max(8, min(64, length / 2, Int(seconds * 8e9 / Double(weightBytes))))
        note("training on random tokens, \(batch)×\(length)")
        let training = try train(TrainingWork(batch: batch, maxLength: length))
        note("reading a prompt of \(length) tokens")
        let prefill = try prefill(tokens: length)
        note("answering token by token")
        let decode = try decode(tokens: answer)
        return MachineFigures(
            base: base, level: training.level, threads: training.threads, peakGflops: training.peakGflops ?? 0,
            peakNumbers: training.peakNumbers ?? "", readGigabytesPerSecond: decode.readGigabytesPerSecond ?? 0,
            training: training.tokensPerSecond, prefill: prefill.tokensPerSecond, decode: decode.tokensPerSecond,
            trainingShareOfPeak: training.shareOfPeak ?? 0, decodeShareOfReadRate: decode.shareOfReadRate ?? 0,
            peakRssMib: training.peakRssMib, batch: training.training?.batch ?? 0,
            maxLength: training.training?.maxLength ?? 0, rank: training.training?.rank ?? 0)
    }
}
