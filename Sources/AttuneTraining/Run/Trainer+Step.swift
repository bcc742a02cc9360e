// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor

extension Trainer {
    /// What one step of one adapter did.
    struct StepResult {
        let track: TrainingTrack
        /// Mean over the counted tokens.
        var loss: Double
        var norm: Double
        let rate: Double
        let tokens: Int
        let counted: Int

        var isFinite: Bool { loss.isFinite && norm.isFinite }
    }

    /// The next step of some tracks, made ready: taking it allocates nothing.
    struct PreparedStep {
        let passes: [Pass]
        /// One for each track that takes part.
        var results: [StepResult]
        /// Room for the losses of one pass.
        var losses: [Double]
    }

    /// One pass through the model, and the result that each of its shares belongs to.
    struct Pass {
        let work: LossPass<Float>.Work
        let results: [Int]
    }

    /// The blocks of the next step of these tracks, laid out in passes.
    func prepareStep(_ active: [TrainingTrack]) -> PreparedStep {
        let steps = active.enumerated().map { (track: $0, batches: $1.batches(of: $1.state.step)) }
        let results = zip(active, steps).map { track, step in
            StepResult(
                track: track, loss: 0, norm: 0, rate: track.schedule.rate(at: track.state.step),
                tokens: step.batches.reduce(0) { $0 + $1.packed.count },
                counted: step.batches.reduce(0) { $0 + $1.counted.count })
        }
        let passes = SharedBatch.shared(steps, capacity: pass.maxTokens).map { shared in
            let shares = shared.parts.map { part in
                let track = active[part.track]
                return LossPass.Share(
                    adapter: AdapterRows(
                        rows: part.rows, parameters: track.parameters,
                        dropout: track.dropout(step: track.state.step, pass: part.pass)),
                    counted: part.counted, scale: 1 / Float(results[part.track].counted),
                    gradients: track.optimizer.gradients)
            }
            return Pass(work: LossPass.Work(shared.batch, shares: shares), results: shared.parts.map(\.track))
        }
        return PreparedStep(
            passes: passes, results: results, losses: [Double](repeating: 0, count: active.count))
    }

    /// One step of each track: gradients of the mean loss over all counted tokens of its passes, clipped, and one
    /// update.
    ///
    /// A track whose loss or gradients are not finite is left as it was.
    /// - Throws: `ModelError` `E-GGUF-009` or `E-MODEL-006` for a base that cannot be computed with; nothing is changed.
    func take(_ step: inout PreparedStep) throws {
        for result in step.results { result.track.optimizer.clearGradients() }
        for pass in step.passes { accumulate(pass, &step) }
        for index in step.results.indices {
            step.results[index].loss /= Double(step.results[index].counted)
            step.results[index].norm = step.results[index].track.optimizer.gradientNorm
        }
        try model.requireIntact()
        for result in step.results where !result.isFinite { try model.requireFinite() }
        for result in step.results where result.isFinite {
            let track = result.track
            track.optimizer.update(track.parameters, rate: result.rate, norm: result.norm)
            track.state.step += 1
            track.state.updates = track.optimizer.updates
            track.state.smoothed = track.state.smoothed.map { 0.9 * $0 + 0.1 * result.loss } ?? result.loss
        }
    }

    /// Adds Σ −log p of one pass to the results, and each adapter's share of its mean's gradient to its gradients.
    private func accumulate(_ one: Pass, _ step: inout PreparedStep) {
        for share in one.results.indices { step.losses[share] = 0 }
        pass.accumulate(one.work, into: &step.losses)
        for share in one.results.indices { step.results[one.results[share]].loss += step.losses[share] }
    }

    /// Measures training passes on the run's own data, without changing anything; three are enough for a range.
    package func measure(passes: Int = 3) -> TimeEstimate {
        let clock = ContinuousClock()
        let states = tracks.map(\.state)
        var measured: [(tokens: Int, seconds: Double)] = []
        while measured.count < passes {
            let active = tracks.filter { $0.state.step < $0.state.total }
            guard !active.isEmpty else { break }
            var step = prepareStep(active)
            for pass in step.passes where measured.count < passes {
                let start = clock.now
                accumulate(pass, &step)
                measured.append((pass.work.batch.packed.count, (clock.now - start).seconds))
            }
            for track in active { track.state.step += 1 }
        }
        var tokens = 0
        var evaluated = 0
        for (track, state) in zip(tracks, states) {
            track.optimizer.clearGradients()
            track.state = state
            let share = Double(state.total - state.step) / Double(state.total)
            let blocks = Double(track.configuration.totalBlocks(track.training.count)) * share
            tokens += Int(blocks * Double(track.outline.trainingTokens) / Double(track.training.count))
        }
        for track in tracks where !track.evaluator.isEmpty {
            evaluated +=
                ((track.state.total - track.state.step) / track.evaluationInterval + 1) * track.evaluator.tokens
        }
        return TimeEstimate(measured: measured, trainingTokens: tokens, evaluatedTokens: evaluated)
    }
}
