// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor

extension Trainer {
    /// Runs until every adapter has taken its last step, or until something ends the run before.
    ///
    /// The callbacks run on this thread; their last argument is the index of the adapter's task.
    ///
    /// - Parameters:
    ///   - stop: checked after every step and between the batches of a validation.
    ///   - timeLimit: seconds after which no further step begins.
    ///   - checkpointInterval: seconds after which the state is handed over even without a validation.
    ///   - onCheckpoint: saves the state; the value is valid during the call. What it throws ends the run.
    ///   - onOutcome: told of each adapter as soon as it is done. What it throws ends the run.
    /// - Returns: the outcomes in the order of the tasks.
    @discardableResult
    package func run(
        stop: StopFlag = StopFlag(), timeLimit: Double? = nil, checkpointInterval: Double = 300,
        onEvent: (TrainingEvent, Int) -> Void = { _, _ in },
        onCheckpoint: (Checkpoint, Int) throws -> Void = { _, _ in },
        onOutcome: (TrainingOutcome, Int) throws -> Void = { _, _ in }
    ) throws -> [TrainingOutcome] {
        for (index, track) in tracks.enumerated() { onEvent(.planned(track.outline), index) }
        var sitting = Sitting(tracks: tracks.count, interval: checkpointInterval)
        var outcomes = [TrainingOutcome?](repeating: nil, count: tracks.count)
        func end(_ index: Int, _ reason: StopReason) throws {
            let outcome = try finish(index, reason, sitting, onEvent: onEvent, onCheckpoint: onCheckpoint)
            try onOutcome(outcome, index)
            outcomes[index] = outcome
        }
        do {
            while outcomes.contains(where: { $0 == nil }) {
                for index in tracks.indices where outcomes[index] == nil && !stop.isRequested {
                    let reason = try settle(index, &sitting, stop: stop, onEvent: onEvent, onCheckpoint: onCheckpoint)
                    if let reason { try end(index, reason) }
                }
                let going = tracks.indices.filter { outcomes[$0] == nil }
                if stop.isRequested {
                    for index in going { try end(index, .interrupted) }
                } else if let timeLimit, sitting.elapsed >= timeLimit {
                    for index in going { try end(index, .timeLimit) }
                } else if !going.isEmpty {
                    for index in try stepped(going, &sitting, onEvent: onEvent) { try end(index, .diverged) }
                }
            }
        } catch let error as ModelError {
            // The base was spoiled, the state was not: the run can go on with a whole base.
            for index in tracks.indices where outcomes[index] == nil {
                try save(index, &sitting, onEvent: onEvent, onCheckpoint: onCheckpoint)
            }
            throw error
        }
        return outcomes.compactMap { $0 }
    }

    /// What is counted from the moment a run begins or is continued; no part of its state.
    private struct Sitting {
        let clock = ContinuousClock()
        let start = ContinuousClock().now
        /// Seconds between two saves without a validation.
        let interval: Double
        var lastSave: [ContinuousClock.Instant]
        var tokens: [Int]
        var steps = 0
        var stepSeconds = 0.0
        var evaluations = 0
        var evaluationSeconds = 0.0

        init(tracks: Int, interval: Double) {
            self.interval = interval
            lastSave = Array(repeating: start, count: tracks)
            tokens = Array(repeating: 0, count: tracks)
        }

        var elapsed: Double { (clock.now - start).seconds }
    }

    /// Validates and saves what is due before the next step; the reason where there is to be none.
    ///
    /// A validation that was cut off is not recorded, so it is made again when the run goes on.
    private func settle(
        _ index: Int, _ sitting: inout Sitting, stop: StopFlag, onEvent: (TrainingEvent, Int) -> Void,
        onCheckpoint: (Checkpoint, Int) throws -> Void
    ) throws -> StopReason? {
        let track = tracks[index]
        if track.isDue {
            guard try evaluate(index, &sitting, stop: stop, onEvent: onEvent) else { return nil }
            try save(index, &sitting, onEvent: onEvent, onCheckpoint: onCheckpoint)
        } else if (sitting.clock.now - sitting.lastSave[index]).seconds >= sitting.interval {
            try save(index, &sitting, onEvent: onEvent, onCheckpoint: onCheckpoint)
        }
        if track.state.step == track.state.total { return .finished }
        let patience = track.configuration.patience
        return patience > 0 && track.state.evaluationsWithoutImprovement >= patience ? .earlyStop : nil
    }

    /// Takes one step of each of these tracks; those that diverged come back.
    private func stepped(
        _ going: [Int], _ sitting: inout Sitting, onEvent: (TrainingEvent, Int) -> Void
    ) throws -> [Int] {
        let start = sitting.clock.now
        var step = prepareStep(going)
        try take(&step)
        let seconds = (sitting.clock.now - start).seconds
        sitting.steps += 1
        sitting.stepSeconds += seconds
        var diverged: [Int] = []
        for result in step.results {
            guard result.isFinite, isFinite(tracks[result.track].parameters.values) else {
                diverged.append(result.track)
                continue
            }
            sitting.tokens[result.track] += result.tokens
            onEvent(.step(report(result, seconds: seconds, sitting)), result.track)
        }
        return diverged
    }

    /// Measures the held-out blocks and keeps the parameters if they are the best so far; false where it was cut off.
    private func evaluate(
        _ index: Int, _ sitting: inout Sitting, stop: StopFlag, onEvent: (TrainingEvent, Int) -> Void
    ) throws -> Bool {
        let (track, evaluator) = (tracks[index], evaluators[index])
        guard !evaluator.isEmpty else {
            // The last state that was known to be good, for a run that diverges later.
            track.best.values.copy(from: track.parameters.values)
            track.state.bestStep = track.state.step
            track.state.evaluatedStep = track.state.step
            return true
        }
        let start = sitting.clock.now
        if track.state.baseLoss == nil {
            guard let base = try evaluator.evaluate(nil, stop: stop) else { return false }
            track.state.baseLoss = base.loss.isFinite ? base.loss : nil
        }
        // A new adapter is the base to the bit, so its first loss is known already.
        let isUntrained = track.state.step == 0 && track.state.baseLoss != nil && track.parameters.changeNothing
        let known = isUntrained ? track.state.baseLoss.map { Evaluation(loss: $0, tokens: 0) } : nil
        guard let evaluation = try known ?? evaluator.evaluate(track.parameters, stop: stop) else { return false }
        sitting.evaluations += 1
        sitting.evaluationSeconds += (sitting.clock.now - start).seconds
        let loss = evaluation.loss
        let isBest = loss.isFinite && loss < track.state.bestLoss ?? .infinity
        if track.state.evaluatedStep < 0 { track.state.startLoss = loss.isFinite ? loss : nil }
        if isBest {
            track.best.values.copy(from: track.parameters.values)
            track.state.bestLoss = loss
            track.state.bestStep = track.state.step
            track.state.evaluationsWithoutImprovement = 0
        } else {
            track.state.evaluationsWithoutImprovement += 1
        }
        track.state.evaluatedStep = track.state.step
        onEvent(
            .validation(step: track.state.step, loss: loss, base: track.state.baseLoss ?? .nan, isBest: isBest), index)
        return true
    }

    private func save(
        _ index: Int, _ sitting: inout Sitting, onEvent: (TrainingEvent, Int) -> Void,
        onCheckpoint: (Checkpoint, Int) throws -> Void
    ) throws {
        try onCheckpoint(tracks[index].checkpoint, index)
        sitting.lastSave[index] = sitting.clock.now
        onEvent(.checkpoint(step: tracks[index].state.step), index)
    }

    private func report(_ result: StepResult, seconds: Double, _ sitting: Sitting) -> StepReport {
        let track = tracks[result.track]
        let left = Double(track.state.total - track.state.step)
        let evaluation = sitting.evaluations > 0 ? sitting.evaluationSeconds / Double(sitting.evaluations) : 0
        let remaining =
            left * sitting.stepSeconds / Double(sitting.steps)
            + (left / Double(track.evaluationInterval)).rounded(.up) * evaluation
        return StepReport(
            step: track.state.step, total: track.state.total, loss: result.loss,
            smoothed: track.state.smoothed ?? result.loss, rate: result.rate, gradientNorm: result.norm,
            tokensPerSecond: Double(result.tokens) / seconds,
            memoryMiB: Double(MemoryLimits.resident()) / 1_048_576, elapsed: sitting.elapsed, remaining: remaining)
    }

    private func finish(
        _ index: Int, _ reason: StopReason, _ sitting: Sitting, onEvent: (TrainingEvent, Int) -> Void,
        onCheckpoint: (Checkpoint, Int) throws -> Void
    ) throws -> TrainingOutcome {
        var sitting = sitting
        let (track, evaluator) = (tracks[index], evaluators[index])
        let (configuration, state) = (track.configuration, track.state)
        onEvent(.stopped(reason), index)
        let reached = state.step
        var failure: TrainingError?
        if reason == .diverged {
            failure = .diverged(step: reached, rate: configuration.learningRate)
            track.parameters.values.copy(from: track.best.values)
        }
        let resumable = reason == .interrupted || reason == .timeLimit
        if resumable { try save(index, &sitting, onEvent: onEvent, onCheckpoint: onCheckpoint) }
        // The saved state must stay as it is, so a last validation only decides which version is handed out.
        var keptLoss = state.bestLoss
        var keepsLast = evaluator.isEmpty && reason != .diverged
        if reason == .timeLimit, !evaluator.isEmpty, state.evaluatedStep < reached {
            let loss = try evaluator.evaluate(track.parameters).loss
            keepsLast = loss < keptLoss ?? .infinity
            if keepsLast { keptLoss = loss }
            onEvent(
                .validation(step: reached, loss: loss, base: state.baseLoss ?? .nan, isBest: keepsLast), index)
        }
        let kept = keepsLast ? track.parameters : track.best
        let blocks = min(reached * configuration.blocksPerStep, configuration.totalBlocks(track.training.count))
        let summary = TrainingOutcome.Summary(
            reason: reason, steps: reached, totalSteps: state.total,
            epochs: Double(blocks) / Double(track.training.count), keptStep: keepsLast ? reached : state.bestStep,
            baseLoss: state.baseLoss, startLoss: state.startLoss, keptLoss: keptLoss, trainingLoss: state.smoothed,
            tokens: sitting.tokens[index], seconds: sitting.elapsed)
        onEvent(.finished(summary), index)
        return TrainingOutcome(
            summary: summary,
            adapter: Adapter(base: track.base, configuration: configuration.lora, parameters: kept),
            checkpoint: resumable ? track.checkpoint : nil, failure: failure)
    }
}

extension LoRAParameters<Float> {
    /// Whether B is zero everywhere, so that the adapter is the base alone.
    fileprivate var changeNothing: Bool {
        isFinite(values) && layout.entries.allSatisfy { b($0).buffer.allSatisfy { $0 == 0 } }
    }
}
