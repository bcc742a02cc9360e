// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import Foundation

/// How the angles of rotary positions are stretched for contexts longer than the model was first trained on.
///
/// A `rope_freqs` tensor (Llama 3) comes on top: it divides the angle of each pair.
package enum RopeScaling: Sendable, Equatable {
    case none
    /// Every angle divided by `factor` (position interpolation, arXiv:2306.15595).
    case linear(factor: Double)
    case yarn(YaRN)

    /// The numbers of YaRN (arXiv:2309.00071).
    package struct YaRN: Sendable, Equatable {
        /// f, the new context over the original one.
        package var factor: Double
        /// L0, tokens.
        package var originalContextLength: Int
        /// Turns inside L0 above which a pair keeps its angle.
        package var betaFast = 32.0
        /// Turns inside L0 below which the angle is divided by f.
        package var betaSlow = 1.0
        /// Share of the correction that is applied; 0 leaves plain interpolation.
        package var correctionShare = 1.0
    }

    /// θ_i of pair i in 0..<n/2, radians per position: base^(−2i/n), divided by `divisors[i]`, then scaled.
    ///
    /// Linear: θ_i/f. YaRN: θ_i·((1−r_i·ext)/f + r_i·ext), r_i = 1 − clamp((i−lo)/max(0.001, hi−lo), 0, 1).
    package func frequencies(base: Double, rotated n: Int, divisors: [Float]? = nil) -> [Double] {
        (0..<n / 2).map { pair in
            let plain = pow(base, -2 * Double(pair) / Double(n)) / Double(divisors?[pair] ?? 1)
            switch self {
            case .none: return plain
            case .linear(let factor): return plain / factor
            case .yarn(let yarn):
                let share = yarn.ramp(pair, base: base, rotated: n) * yarn.correctionShare
                return plain * ((1 - share) / yarn.factor + share)
            }
        }
    }

    /// What cos and sin are multiplied by: `attentionFactor`, under YaRN with f > 1 times 1 + 0.1·ln f.
    package func magnitude(attentionFactor: Double) -> Double {
        guard case .yarn(let yarn) = self, yarn.factor > 1, yarn.correctionShare != 0 else { return attentionFactor }
        return attentionFactor * (1 + 0.1 * log(yarn.factor))
    }
}

extension RopeScaling.YaRN {
    /// r_i: 1 if the pair keeps its angle, 0 if it is interpolated.
    fileprivate func ramp(_ pair: Int, base: Double, rotated n: Int) -> Double {
        let low = min(max(floor(correction(betaFast, base: base, rotated: n)), 0), Double(n - 1))
        let high = min(max(ceil(correction(betaSlow, base: base, rotated: n)), 0), Double(n - 1))
        return 1 - min(max((Double(pair) - low) / max(0.001, high - low), 0), 1)
    }

    /// The pair that makes `beta` turns inside L0: n·ln(L0/(2πβ))/(2·ln base).
    private func correction(_ beta: Double, base: Double, rotated n: Int) -> Double {
        Double(n) * log(Double(originalContextLength) / (2 * .pi * beta)) / (2 * log(base))
    }
}

extension RotaryTable {
    /// The table of a model for positions 0..<`positions`.
    init(configuration: ModelConfiguration, positions: Int) {
        self.init(
            frequencies: configuration.ropeFrequencies, magnitude: configuration.ropeMagnitude, positions: positions,
            rotaryDimension: configuration.ropeDimension, adjacentPairs: configuration.adjacentPairs)
    }
}
