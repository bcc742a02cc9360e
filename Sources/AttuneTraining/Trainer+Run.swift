// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor

extension Trainer {
    /// Runs until the last step, or until something ends the run before.
    ///
    /// - Parameters:
    ///   - stop: checked after every step and between the batches of a validation.
    ///   - timeLimit: seconds after which no further step begins.
    ///   - checkpointInterval: seconds after which the state is handed over even without a validation.
    ///   - onEvent: called on this thread.
    ///   - onCheckpoint: saves the state; the value is valid during the call. What it throws ends the run.
    package func run(
        stop: StopFlag = StopFlag(), timeLimit: Double? = nil, checkpointInterval: Double = 300,
        onEvent: (TrainingEvent) -> Void = { _ in }, onCheckpoint: (Checkpoint) throws -> Void = { _ in }
    ) throws -> TrainingOutcome {
        var sitting = Sitting()
        onEvent(.planned(outline))
        let reason: StopReason
        do {
            reason = try loop(
                &sitting, stop: stop, timeLimit: timeLimit, checkpointInterval: checkpointInterval, onEvent: onEvent,
                onCheckpoint: onCheckpoint)
        } catch let error as ModelError {
            // The base was spoiled, the state was not: the run can go on with a whole base.
            try save(&sitting, onEvent: onEvent, onCheckpoint: onCheckpoint)
            throw error
        }
        return try finish(reason, sitting, onEvent: onEvent, onCheckpoint: onCheckpoint)
    }

    /// What is counted from the moment a run begins or is continued; no part of its state.
    private struct Sitting {
        let clock = ContinuousClock()
        let start = ContinuousClock().now
        var lastSave = ContinuousClock().now
        var tokens = 0
        var steps = 0
        var stepSeconds = 0.0
        var evaluations = 0
        var evaluationSeconds = 0.0

        var elapsed: Double { (clock.now - start).seconds }
    }

    private func loop(
        _ sitting: inout Sitting, stop: StopFlag, timeLimit: Double?, checkpointInterval: Double,
        onEvent: (TrainingEvent) -> Void, onCheckpoint: (Checkpoint) throws -> Void
    ) throws -> StopReason {
        while true {
            if stop.isRequested { return .interrupted }
            if isDue(state.step) {
                // A validation that was cut off is not recorded, so it is made again when the run goes on.
                guard try evaluate(&sitting, stop: stop, onEvent: onEvent) else { continue }
                try save(&sitting, onEvent: onEvent, onCheckpoint: onCheckpoint)
            } else if (sitting.clock.now - sitting.lastSave).seconds >= checkpointInterval {
                try save(&sitting, onEvent: onEvent, onCheckpoint: onCheckpoint)
            }
            if state.step == state.total { return .finished }
            if configuration.patience > 0, state.evaluationsWithoutImprovement >= configuration.patience {
                return .earlyStop
            }
            if let timeLimit, sitting.elapsed >= timeLimit { return .timeLimit }
            let start = sitting.clock.now
            let result = try takeStep()
            guard result.isFinite, isFinite(parameters.values) else { return .diverged }
            let seconds = (sitting.clock.now - start).seconds
            sitting.tokens += result.tokens
            sitting.steps += 1
            sitting.stepSeconds += seconds
            onEvent(.step(report(result, seconds: seconds, sitting)))
        }
    }

    /// Whether a validation is to be made after `step` steps; without held-out blocks the state is kept instead.
    private func isDue(_ step: Int) -> Bool {
        state.evaluatedStep < step && (step % evaluationInterval == 0 || step == state.total)
    }

    /// Measures the held-out blocks and keeps the parameters if they are the best so far; false where it was cut off.
    private func evaluate(
        _ sitting: inout Sitting, stop: StopFlag, onEvent: (TrainingEvent) -> Void
    ) throws -> Bool {
        guard !evaluator.isEmpty else {
            // The last state that was known to be good, for a run that diverges later.
            best.values.copy(from: parameters.values)
            state.bestStep = state.step
            state.evaluatedStep = state.step
            return true
        }
        let start = sitting.clock.now
        if state.baseLoss == nil {
            guard let base = try evaluator.evaluate(nil, stop: stop) else { return false }
            state.baseLoss = base.loss.isFinite ? base.loss : nil
        }
        // A new adapter is the base to the bit, so its first loss is known already.
        let isUntrained = state.step == 0 && state.baseLoss != nil && parameters.changeNothing
        let known = isUntrained ? state.baseLoss.map { Evaluation(loss: $0, tokens: 0) } : nil
        guard let evaluation = try known ?? evaluator.evaluate(parameters, stop: stop) else { return false }
        sitting.evaluations += 1
        sitting.evaluationSeconds += (sitting.clock.now - start).seconds
        let loss = evaluation.loss
        let isBest = loss.isFinite && loss < state.bestLoss ?? .infinity
        if state.evaluatedStep < 0 { state.startLoss = loss.isFinite ? loss : nil }
        if isBest {
            best.values.copy(from: parameters.values)
            state.bestLoss = loss
            state.bestStep = state.step
            state.evaluationsWithoutImprovement = 0
        } else {
            state.evaluationsWithoutImprovement += 1
        }
        state.evaluatedStep = state.step
        onEvent(.validation(step: state.step, loss: loss, base: state.baseLoss ?? .nan, isBest: isBest))
        return true
    }

    private func save(
        _ sitting: inout Sitting, onEvent: (TrainingEvent) -> Void, onCheckpoint: (Checkpoint) throws -> Void
    ) throws {
        try onCheckpoint(checkpoint)
        sitting.lastSave = sitting.clock.now
        onEvent(.checkpoint(step: state.step))
    }

    private func report(_ result: StepResult, seconds: Double, _ sitting: Sitting) -> StepReport {
        let left = Double(state.total - state.step)
        let evaluation = sitting.evaluations > 0 ? sitting.evaluationSeconds / Double(sitting.evaluations) : 0
        let remaining =
            left * sitting.stepSeconds / Double(sitting.steps)
            + (left / Double(evaluationInterval)).rounded(.up) * evaluation
        return StepReport(
            step: state.step, total: state.total, loss: result.loss, smoothed: state.smoothed ?? result.loss,
            rate: result.rate, gradientNorm: result.norm, tokensPerSecond: Double(result.tokens) / seconds,
            memoryMiB: Double(MemoryLimits.resident()) / 1_048_576, elapsed: sitting.elapsed, remaining: remaining)
    }

    private func finish(
        _ reason: StopReason, _ sitting: Sitting, onEvent: (TrainingEvent) -> Void,
        onCheckpoint: (Checkpoint) throws -> Void
    ) throws -> TrainingOutcome {
        var sitting = sitting
        onEvent(.stopped(reason))
        let reached = state.step
        var failure: TrainingError?
        if reason == .diverged {
            failure = .diverged(step: reached, rate: configuration.learningRate)
            parameters.values.copy(from: best.values)
        }
        let resumable = reason == .interrupted || reason == .timeLimit
        if resumable { try save(&sitting, onEvent: onEvent, onCheckpoint: onCheckpoint) }
        // The saved state must stay as it is, so a last validation only decides which version is handed out.
        var keptLoss = state.bestLoss
        var keepsLast = evaluator.isEmpty && reason != .diverged
        if reason == .timeLimit, !evaluator.isEmpty, state.evaluatedStep < reached {
            let loss = try evaluator.evaluate(parameters).loss
            keepsLast = loss < keptLoss ?? .infinity
            if keepsLast { keptLoss = loss }
            onEvent(.validation(step: reached, loss: loss, base: state.baseLoss ?? .nan, isBest: keepsLast))
        }
        let kept = keepsLast ? parameters : best
        let blocks = min(reached * configuration.blocksPerStep, configuration.totalBlocks(training.count))
        let summary = TrainingOutcome.Summary(
            reason: reason, steps: reached, totalSteps: state.total,
            epochs: Double(blocks) / Double(training.count), keptStep: keepsLast ? reached : state.bestStep,
            baseLoss: state.baseLoss, startLoss: state.startLoss, keptLoss: keptLoss, trainingLoss: state.smoothed,
            tokens: sitting.tokens, seconds: sitting.elapsed)
        onEvent(.finished(summary))
        return TrainingOutcome(
            summary: summary,
            adapter: Adapter(base: base, configuration: configuration.lora, parameters: kept.copied()),
            checkpoint: resumable ? checkpoint : nil, failure: failure)
    }
}

extension LoRAParameters<Float> {
    /// Whether B is zero everywhere, so that the adapter is the base alone.
    fileprivate var changeNothing: Bool {
        isFinite(values) && layout.entries.allSatisfy { b($0).buffer.allSatisfy { $0 == 0 } }
    }
}
