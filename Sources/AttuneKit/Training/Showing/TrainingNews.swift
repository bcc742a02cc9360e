// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTraining
import AttuneVault

/// What happens to an adapter while it is trained.
package enum TrainingNews: Sendable {
    case step(TrainingStep)
    case validation(TrainingValidation)
    /// Its run ended; the reason as scripts read it.
    case stopped(String)

    /// nil for what nobody has to be told.
    init?(_ event: TrainingEvent) {
        switch event {
        case .step(let report): self = .step(TrainingStep(report: report))
        case .validation(let step, let loss, let base, let isBest):
            self = .validation(TrainingValidation(step: step, loss: loss, baseLoss: base, isBest: isBest))
        case .stopped(let reason): self = .stopped(reason.rawValue)
        case .planned, .checkpoint, .finished: return nil
        }
    }
}

/// One step of a run.
package struct TrainingStep: Sendable, Encodable {
    let report: StepReport

    /// Counted from 1.
    package var step: Int { report.step }
    package var total: Int { report.total }
    /// Exponential mean of the losses, nats per token.
    package var loss: Double { report.smoothed }
    package var rate: Double { report.rate }
    package var tokensPerSecond: Double { report.tokensPerSecond }
    /// Memory of the process now.
    package var memoryMiB: Double { report.memoryMiB }
    /// Seconds since the run began or was continued, and until it ends.
    package var elapsed: Double { report.elapsed }
    package var remaining: Double { report.remaining }

    /// Writes all that was measured.
    package func encode(to encoder: any Encoder) throws { try report.encode(to: encoder) }
}

/// Mean loss on the held-out text after some steps, nats per token.
package struct TrainingValidation: Sendable, Encodable {
    package let step: Int
    package let loss: Double
    /// Of the base alone.
    let baseLoss: Double
    package let isBest: Bool

    private enum CodingKeys: String, CodingKey {
        case step, loss, baseLoss
        case isBest = "best"
    }

    /// Leaves out what is not finite, for which JSON has no number.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(step, forKey: .step)
        if loss.isFinite { try container.encode(loss, forKey: .loss) }
        if baseLoss.isFinite { try container.encode(baseLoss, forKey: .baseLoss) }
        try container.encode(isBest, forKey: .isBest)
    }
}

/// How the run of one adapter ended.
package struct TrainingEnd: Sendable, Encodable {
    package let name: String
    package let run: RunID
    /// The new version, such as `notes@3`; nil if the run was interrupted or nothing good came of it.
    package let adapter: String?
    let reason: String
    package let steps: Int
    /// The step whose numbers are kept; 0 is the start.
    package let keptStep: Int
    /// Validation loss of the base alone and of what is kept, nats per token; nil without held-out text.
    package let baseLoss: Double?
    package let loss: Double?
    let trainingLoss: Double?
    package let seconds: Double
    let tokensPerSecond: Double
    /// The most memory that the process had, and what was planned.
    package let peakBytes: Int
    package let plannedBytes: Int
    /// Whether it can go on from here.
    package let isInterrupted: Bool
    package let isDiverged: Bool
    /// Why it ended before its last step; nil if it did all, or was interrupted.
    package let remark: String?

    private enum CodingKeys: CodingKey {
        case run, adapter, reason, steps, keptStep, baseLoss, loss, trainingLoss, seconds, tokensPerSecond, peakBytes
        case plannedBytes
    }

    init(_ result: TrainingSession.Result, planned: Int) {
        let summary = result.outcome.summary
        name = result.name
        run = result.runID
        adapter = result.version?.reference.description
        reason = summary.reason.rawValue
        steps = summary.steps
        keptStep = summary.keptStep
        baseLoss = summary.baseLoss
        loss = summary.keptLoss
        trainingLoss = summary.trainingLoss
        seconds = summary.seconds
        tokensPerSecond = summary.seconds > 0 ? Double(summary.tokens) / summary.seconds : 0
        peakBytes = result.peakMemory
        plannedBytes = planned
        isInterrupted = summary.reason == .interrupted
        isDiverged = summary.reason == .diverged
        remark =
            switch summary.reason {
            case .diverged: result.outcome.failure?.description ?? "the loss was not finite"
            case .earlyStop: "no better validation loss for a while: stopped early"
            case .timeLimit: "the time is up; go on with attune runs resume \(result.runID)"
            case .finished, .interrupted: nil
            }
    }
}

extension TrainingSession {
    /// Trains as `run(stop:timeLimit:onRun:onEvent:)` does, and tells of it what a person or a script wants to know.
    ///
    /// - Returns: how it ended for each part.
    package func train(
        stop: StopFlag, timeLimit: Double? = nil, onRun: (Part) -> Void,
        onNews: @escaping (TrainingNews, Part) -> Void
    ) throws -> [TrainingEnd] {
        try run(stop: stop, timeLimit: timeLimit, onRun: onRun) { event, part in
            if let news = TrainingNews(event) { onNews(news, part) }
        }.map { TrainingEnd($0, planned: memory.total) }
    }
}
