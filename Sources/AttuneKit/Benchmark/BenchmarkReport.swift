// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor

/// One figure in tokens per second, with what is needed to judge it.
package struct BenchmarkReport: Encodable, Sendable {
    package let schema = 1
    /// `train`, `prefill` or `decode`.
    package let work: String
    /// The median of `rounds`.
    package let tokensPerSecond: Double
    package let rounds: [Double]
    /// The most memory that this process ever had.
    package let peakRssMib: Double
    package let level: String
    package let threads: Int
    /// How products with the base's weights are computed.
    package let precision: String
    /// Operations of the linear layers for a token, and of the head, that are counted as work.
    package var flopsPerToken: Double?
    package var headFlopsPerToken: Double?
    /// What registers alone do on all threads in numbers of this kind, between the rounds, 10⁹ operations per second.
    package var peakNumbers: String?
    package var peakGflops: Double?
    /// Of `peakGflops`: all that is counted as work, and the linear layers alone.
    package var shareOfPeak: Double?
    package var shareOfPeakLinears: Double?
    /// Bytes that must be read for a token, the rate of plain reading in the same run, and the share of it.
    package var bytesPerToken: Int?
    package var readGigabytesPerSecond: Double?
    package var shareOfReadRate: Double?
    package var training: Training?
    package var adapter: AdapterCost?

    /// The settings of a training run that was measured, and the memory that was planned for it.
    package struct Training: Encodable, Sendable {
        /// Trained side by side, each with `batch` rows.
        package let adapters: Int
        package let batch: Int
        package let maxLength: Int
        package let rank: Int
        /// Layers whose activations are computed again in the backward pass.
        package let recomputedLayers: Int
        package let plannedMib: Double
        /// What the plan is made of, by name.
        package let plannedPartsMib: [String: Double]
        /// Mean loss of the last step.
        package let loss: Double
    }

    /// Decoding with an adapter beside the bare base, in turn.
    package struct AdapterCost: Encodable, Sendable {
        package let rank: Int
        package let tokensPerSecondWithout: Double
        /// Median of the paired ratios, with to without.
        package let ratio: Double
    }

    init(work: String, rounds: [Double], precision: String, peak: Int = MemoryLimits.peak()) {
        self.work = work
        self.rounds = rounds
        self.precision = precision
        tokensPerSecond = rounds.median
        peakRssMib = Double(peak) / 1_048_576
        level = Kernels.level
        threads = Kernels.threads
    }
}
