// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor

extension Trainer {
    /// What one step did.
    struct StepResult {
        /// Mean over the counted tokens.
        let loss: Double
        let norm: Double
        let rate: Double
        let tokens: Int

        var isFinite: Bool { loss.isFinite && norm.isFinite }
    }

    /// One step: gradients of the mean loss over all counted tokens of its passes, clipped, and one update.
    ///
    /// Nothing is changed where loss or gradients are not finite.
    /// - Throws: `ModelError` `E-GGUF-009` or `E-MODEL-006` for a base that cannot be computed with; nothing is changed.
    func takeStep() throws -> StepResult {
        let batches = batches(of: state.step)
        let counted = batches.reduce(0) { $0 + $1.counted.count }
        optimizer.clearGradients()
        var loss = 0.0
        for (index, batch) in batches.enumerated() {
            loss += accumulate(batch, counted: counted, step: state.step, index: index)
        }
        loss /= Double(counted)
        let norm = optimizer.gradientNorm
        let rate = schedule.rate(at: state.step)
        let result = StepResult(
            loss: loss, norm: norm, rate: rate, tokens: batches.reduce(0) { $0 + $1.packed.count })
        try model.requireIntact()
        guard result.isFinite else {
            try model.requireFinite()
            return result
        }
        optimizer.update(parameters, rate: rate, norm: norm)
        state.step += 1
        state.updates = optimizer.updates
        state.smoothed = state.smoothed.map { 0.9 * $0 + 0.1 * loss } ?? loss
        return result
    }

    /// Σ −log p of one pass, with its share of the mean's gradient added to the optimiser's gradients.
    private func accumulate(_ batch: Batch, counted: Int, step: Int, index: Int) -> Double {
        let rate = configuration.lora.dropout
        let stream = RandomStream(seed: configuration.seed, path: 3, UInt64(step), UInt64(index))
        return pass.accumulate(
            batch, parameters: parameters, scale: 1 / Float(counted), dropout: rate > 0 ? (rate, stream) : nil,
            into: optimizer.gradients)
    }

    /// The passes of a step; the last step of a run may have fewer blocks.
    func batches(of step: Int) -> [Batch] {
        let first = step * configuration.blocksPerStep
        let last = min(first + configuration.blocksPerStep, configuration.totalBlocks(training.count))
        var blocks: [Block] = []
        for position in first..<last { blocks.append(training[order.block(at: position)]) }
        return blocks.batches(of: configuration.batch)
    }

    /// Measures training passes on the run's own data, without changing anything; three are enough for a range.
    package func measure(passes: Int = 3) -> TimeEstimate {
        let clock = ContinuousClock()
        var measured: [(tokens: Int, seconds: Double)] = []
        var step = state.step
        while measured.count < passes, step < state.total {
            for (index, batch) in batches(of: step).enumerated() where measured.count < passes {
                let start = clock.now
                _ = accumulate(batch, counted: max(1, batch.counted.count), step: step, index: index)
                measured.append((batch.packed.count, (clock.now - start).seconds))
            }
            step += 1
        }
        optimizer.clearGradients()
        let share = Double(state.total - state.step) / Double(state.total)
        let blocks = Double(configuration.totalBlocks(training.count)) * share
        let tokens = blocks * Double(outline.trainingTokens) / Double(training.count)
        let evaluations = evaluator.isEmpty ? 0 : (state.total - state.step) / evaluationInterval + 1
        return TimeEstimate(
            measured: measured, trainingTokens: Int(tokens), evaluatedTokens: evaluations * evaluator.tokens)
    }

    var evaluationInterval: Int { configuration.evaluationInterval(steps: state.total) }
}

extension Duration {
    var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
