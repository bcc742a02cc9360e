// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import Foundation

/// Draws the next token from logits.
///
/// The chain in llama.cpp's order: penalties, DRY, top-n-sigma, top-k, typical, top-p, min-p, XTC, temperature, draw.
/// Temperature comes last, so the cuts act on the untempered distribution. The same seed, logits and history always
/// give the same tokens.
package struct Sampler: Sendable {
    package let options: SamplingOptions
    /// Tokens that end a run for DRY.
    let breakers: Set<Int32>
    private let stream: RandomStream
    /// How many numbers of the stream are used up.
    private var drawn: UInt64 = 0
    /// μ of mirostat, bits of surprise above which tokens are cut.
    private var surpriseLimit: Double

    /// - Parameter breakers: tokens that contain one of `drySequenceBreakers`; only DRY needs them.
    package init(_ options: SamplingOptions, seed: UInt64, breakers: Set<Int32> = []) {
        self.options = options
        self.breakers = breakers
        stream = RandomStream(seed: seed)
        surpriseLimit = 2 * Double(options.mirostatTau)
    }

    /// Draws a token id from the only row of `logits`, 1 × V; `history` is prompt and answer so far.
    ///
    /// - Throws: `E-SAMPLE-001` if the logits hold a NaN or nothing finite.
    package mutating func sample(_ logits: Matrix<Float>, history: [Int32]) throws -> Int32 {
        try sample(UnsafeBufferPointer(logits.buffer), history: history)
    }

    /// Draws a token id from `logits`, V numbers; −∞ rules a token out.
    ///
    /// - Throws: `E-SAMPLE-001` if the logits hold a NaN, +∞ or nothing finite.
    package mutating func sample(_ logits: UnsafeBufferPointer<Float>, history: [Int32]) throws -> Int32 {
        // A NaN fails both comparisons; all −∞ leaves nothing to draw.
        guard logits.allSatisfy({ $0 < .infinity }), logits.contains(where: { $0 > -.infinity }) else {
            throw ModelError.notANumber
        }
        var adjusted = Array(logits)
        if options.mirostat == 2 { return drawMirostat(SamplingCandidates(adjusted)) }
        applyPenalties(to: &adjusted, history: history)
        applyDRY(to: &adjusted, history: history)
        var candidates = SamplingCandidates(adjusted)
        if options.temperature <= 0, options.typicalP >= 1, options.xtcProbability <= 0 {
            return candidates.best.id  // no other cut can lose the likeliest
        }
        cut(&candidates)
        if options.temperature <= 0 { return candidates.best.id }
        candidates.divideLogits(by: options.temperature)
        return draw(from: candidates).id
    }

    private mutating func cut(_ candidates: inout SamplingCandidates) {
        if options.topNSigma > 0 { candidates.keep(atLeast: sigmaBound(candidates)) }
        if options.topK > 0 { candidates.keepTop(options.topK) }
        if options.typicalP < 1 { candidates.keepTypical(Double(options.typicalP)) }
        if options.topP < 1 { candidates.keepMass(Double(options.topP)) }
        if options.minP > 0 { candidates.keep(atLeast: candidates.best.logit + log(options.minP)) }
        excludeTopChoices(&candidates)
    }

    /// max − n·σ over the finite logits.
    private func sigmaBound(_ candidates: SamplingCandidates) -> Float {
        let values = candidates.items.lazy.map { Double($0.logit) }.filter { $0 > -.infinity }
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
        return candidates.best.logit - options.topNSigma * Float(variance.squareRoot())
    }

    /// XTC: with the given chance, drops all tokens of at least the threshold but the least likely of them.
    private mutating func excludeTopChoices(_ candidates: inout SamplingCandidates) {
        guard options.xtcProbability > 0, options.xtcThreshold <= 0.5, candidates.count >= 2 else { return }
        guard uniform() < Double(options.xtcProbability) else { return }
        candidates.sort()
        let above = candidates.probabilities.prefix { $0 >= Double(options.xtcThreshold) }.count
        if above >= 2 { candidates.dropFirst(above - 1) }
    }

    /// Mirostat 2: keeps tokens of at most μ bits of surprise, draws, and moves μ towards τ by η·(surprise − τ).
    private mutating func drawMirostat(_ all: SamplingCandidates) -> Int32 {
        var candidates = all
        if options.temperature <= 0 { return candidates.best.id }
        candidates.divideLogits(by: options.temperature)
        // −log₂ p ≤ μ is p ≥ 2^−μ, which in logits is: logit ≥ log(Σe^logit) − μ·ln 2.
        let top = candidates.best.logit
        let normalizer = Double(top) + log(candidates.weights.reduce(0, +))
        candidates.keep(atLeast: Float(normalizer - surpriseLimit * log(2)))
        let token = draw(from: candidates)
        surpriseLimit -= Double(options.mirostatEta) * (-log2(token.probability) - Double(options.mirostatTau))
        return token.id
    }

    private mutating func draw(from candidates: SamplingCandidates) -> (id: Int32, probability: Double) {
        let weights = candidates.weights
        let sum = weights.reduce(0, +)
        var rest = uniform() * sum
        // Rounding may leave a rest after the last; then the likeliest is as good as any.
        var chosen = weights.firstIndex { $0 == 1 } ?? 0
        for (index, weight) in weights.enumerated() {
            rest -= weight
            if rest < 0 {
                chosen = index
                break
            }
        }
        return (candidates.items[chosen].id, weights[chosen] / sum)
    }

    /// The next number in [0, 1).
    private mutating func uniform() -> Double {
        defer { drawn += 1 }
        return stream.uniform(at: drawn)
    }
}
