// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor

/// One sitting of a run: from its first step, or the one where it goes on, until every adapter is done.
struct TrainingSitting {
    private let trainer: Trainer
    private let observer: any TrainingObserver
    private let stop: StopFlag
    private let timeLimit: Double?
    /// Seconds between two saves without a validation.
    private let checkpointInterval: Double
    private let clock = ContinuousClock()
    private let start = ContinuousClock().now
    private var steps = 0
    private var stepSeconds = 0.0
    private var evaluations = 0
    private var evaluationSeconds = 0.0

    init(
        of trainer: Trainer, observer: any TrainingObserver, stop: StopFlag, timeLimit: Double?,
        checkpointInterval: Double
    ) {
        self.trainer = trainer
        self.observer = observer
        self.stop = stop
        self.timeLimit = timeLimit
        self.checkpointInterval = checkpointInterval
    }

    private var elapsed: Double { (clock.now - start).seconds }

    private var going: [TrainingTrack] { trainer.tracks.filter { $0.outcome == nil } }

    mutating func run() throws {
        for track in trainer.tracks {
            track.beginSitting(at: start)
            observer.note(.planned(track.outline), of: track)
        }
        do {
            while !going.isEmpty {
                for track in going where !stop.isRequested {
                    if let reason = try settle(track) { try end(track, reason) }
                }
                if stop.isRequested {
                    for track in going { try end(track, .interrupted) }
                } else if let timeLimit, elapsed >= timeLimit {
                    for track in going { try end(track, .timeLimit) }
                } else {
                    for track in try takeStep(going) { try end(track, .diverged) }
                }
            }
        } catch let error as ModelError {
            // The base was spoiled, the state was not: the run can go on with a whole base.
            for track in going { try save(track) }
            throw error
        }
    }

    /// Validates and saves what is due before the next step; the reason where there is to be none.
    ///
    /// A validation that was cut off is not recorded, so it is made again when the run goes on.
    private mutating func settle(_ track: TrainingTrack) throws -> StopReason? {
        if track.isDue {
            guard try evaluate(track) else { return nil }
            try save(track)
        } else if (clock.now - track.lastSave).seconds >= checkpointInterval {
            try save(track)
        }
        if track.state.step == track.state.total { return .finished }
        let patience = track.configuration.patience
        return patience > 0 && track.state.evaluationsWithoutImprovement >= patience ? .earlyStop : nil
    }

    /// Takes one step of each of these tracks; those that diverged come back.
    private mutating func takeStep(_ going: [TrainingTrack]) throws -> [TrainingTrack] {
        guard !going.isEmpty else { return [] }
        let start = clock.now
        var step = trainer.prepareStep(going)
        try trainer.take(&step)
        let seconds = (clock.now - start).seconds
        steps += 1
        stepSeconds += seconds
        var diverged: [TrainingTrack] = []
        for result in step.results {
            guard result.isFinite, isFinite(result.track.parameters.values) else {
                diverged.append(result.track)
                continue
            }
            result.track.tokens += result.tokens
            observer.note(.step(report(result, seconds: seconds)), of: result.track)
        }
        return diverged
    }

    /// Measures the held-out blocks and keeps the parameters if they are the best so far; false if it was cut off.
    private mutating func evaluate(_ track: TrainingTrack) throws -> Bool {
        guard !track.evaluator.isEmpty else {
            // The last state that was known to be good, for a run that diverges later.
            track.best.values.copy(from: track.parameters.values)
            track.state.bestStep = track.state.step
            track.state.evaluatedStep = track.state.step
            return true
        }
        let start = clock.now
        if track.state.baseLoss == nil {
            guard let base = try track.evaluator.evaluate(nil, with: trainer.pass, stop: stop) else { return false }
            track.state.baseLoss = base.loss.isFinite ? base.loss : nil
        }
        // A new adapter is the base to the bit, so its first loss is known already.
        let isUntrained = track.state.step == 0 && track.state.baseLoss != nil && track.parameters.changeNothing
        let known = isUntrained ? track.state.baseLoss.map { Evaluation(loss: $0, tokens: 0) } : nil
        let measured = try known ?? track.evaluator.evaluate(track.parameters, with: trainer.pass, stop: stop)
        guard let evaluation = measured else { return false }
        evaluations += 1
        evaluationSeconds += (clock.now - start).seconds
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
        observer.note(
            .validation(step: track.state.step, loss: loss, base: track.state.baseLoss ?? .nan, isBest: isBest),
            of: track)
        return true
    }

    private func save(_ track: TrainingTrack) throws {
        try observer.save(track.checkpoint, of: track)
        track.lastSave = clock.now
        observer.note(.checkpoint(step: track.state.step), of: track)
    }

    private func report(_ result: Trainer.StepResult, seconds: Double) -> StepReport {
        let track = result.track
        let left = Double(track.state.total - track.state.step)
        let evaluation = evaluations > 0 ? evaluationSeconds / Double(evaluations) : 0
        let remaining =
            left * stepSeconds / Double(steps)
            + (left / Double(track.evaluationInterval)).rounded(.up) * evaluation
        return StepReport(
            step: track.state.step, total: track.state.total, loss: result.loss,
            smoothed: track.state.smoothed ?? result.loss, rate: result.rate, gradientNorm: result.norm,
            tokensPerSecond: Double(result.tokens) / seconds,
            memoryMiB: Double(MemoryLimits.resident()) / 1_048_576, elapsed: elapsed, remaining: remaining)
    }

    private func end(_ track: TrainingTrack, _ reason: StopReason) throws {
        let outcome = try outcome(of: track, reason)
        try observer.conclude(outcome, of: track)
        track.outcome = outcome
    }

    private func outcome(of track: TrainingTrack, _ reason: StopReason) throws -> TrainingOutcome {
        let (configuration, state, evaluator) = (track.configuration, track.state, track.evaluator)
        observer.note(.stopped(reason), of: track)
        let reached = state.step
        var failure: TrainingError?
        if reason == .diverged {
            failure = .diverged(step: reached, rate: configuration.learningRate)
            track.parameters.values.copy(from: track.best.values)
        }
        let resumable = reason == .interrupted || reason == .timeLimit
        if resumable { try save(track) }
        // The saved state must stay as it is, so a last validation only decides which version is handed out.
        var keptLoss = state.bestLoss
        var keepsLast = evaluator.isEmpty && reason != .diverged
        if reason == .timeLimit, !evaluator.isEmpty, state.evaluatedStep < reached {
            let loss = try evaluator.evaluate(track.parameters, with: trainer.pass).loss
            keepsLast = loss < keptLoss ?? .infinity
            if keepsLast { keptLoss = loss }
            observer.note(
                .validation(step: reached, loss: loss, base: state.baseLoss ?? .nan, isBest: keepsLast), of: track)
        }
        let kept = keepsLast ? track.parameters : track.best
        let blocks = min(reached * configuration.blocksPerStep, configuration.totalBlocks(track.training.count))
        let summary = TrainingOutcome.Summary(
            reason: reason, steps: reached, totalSteps: state.total,
            epochs: Double(blocks) / Double(track.training.count), keptStep: keepsLast ? reached : state.bestStep,
            baseLoss: state.baseLoss, startLoss: state.startLoss, keptLoss: keptLoss, trainingLoss: state.smoothed,
            tokens: track.tokens, seconds: elapsed)
        observer.note(.finished(summary), of: track)
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
