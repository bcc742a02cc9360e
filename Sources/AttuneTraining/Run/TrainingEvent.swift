// Attune
// SPDX-License-Identifier: Apache-2.0

/// What a run tells while it goes on.
package enum TrainingEvent: Sendable {
    /// The run is about to take its first step.
    case planned(TrainingOutline)
    case step(StepReport)
    /// Mean loss on the held-out blocks after `step` steps; `base` is that of the base alone.
    case validation(step: Int, loss: Double, base: Double, isBest: Bool)
    /// The state after `step` steps was handed over to be saved.
    case checkpoint(step: Int)
    case stopped(StopReason)
    case finished(TrainingOutcome.Summary)
}

/// Watches a run, on the thread of its trainer.
package protocol TrainingObserver {
    /// Notes what happens to an adapter.
    func note(_ event: TrainingEvent, of track: TrainingTrack)

    /// Saves the state of an adapter; the value is valid during the call. What it throws ends the run.
    func save(_ checkpoint: Checkpoint, of track: TrainingTrack) throws

    /// Takes what an adapter's run leaves behind, as soon as it is done. What it throws ends the run.
    func conclude(_ outcome: TrainingOutcome, of track: TrainingTrack) throws
}

/// Hands events on, and saves nothing.
package struct EventObserver: TrainingObserver {
    private let onEvent: (TrainingEvent, TrainingTrack) -> Void

    package init(_ onEvent: @escaping (TrainingEvent, TrainingTrack) -> Void) { self.onEvent = onEvent }

    package func note(_ event: TrainingEvent, of track: TrainingTrack) { onEvent(event, track) }
    package func save(_ checkpoint: Checkpoint, of track: TrainingTrack) {}
    package func conclude(_ outcome: TrainingOutcome, of track: TrainingTrack) {}
}

/// The sizes of a run, known before its first step.
package struct TrainingOutline: Codable, Hashable, Sendable {
    package let steps: Int
    /// Steps already taken; above 0 when a run is continued.
    package let done: Int
    package let trainingBlocks: Int
    package let validationBlocks: Int
    /// Tokens of the training blocks, and those that count in the loss.
    package let trainingTokens: Int
    package let trainingTargets: Int
    package let parameters: Int
    package let adaptedMatrices: Int
}

/// One step of a run.
package struct StepReport: Codable, Hashable, Sendable {
    /// Counted from 1.
    package let step: Int
    package let total: Int
    /// Mean over the step's counted tokens, nats.
    package let loss: Double
    /// Exponential mean of `loss`, weight 0.1 for the newest.
    package let smoothed: Double
    package let rate: Double
    /// Global norm before clipping.
    package let gradientNorm: Double
    package let tokensPerSecond: Double
    /// Memory of the process now.
    package let memoryMiB: Double
    /// Seconds since the run began or was continued, and until it ends.
    package let elapsed: Double
    package let remaining: Double

    /// The names in events; the unit would otherwise be cut apart where names are written in snake case.
    private enum CodingKeys: String, CodingKey {
        case step, total, loss, smoothed, rate, gradientNorm, tokensPerSecond
        case memoryMiB = "memoryMib"
        case elapsed, remaining
    }
}

/// Why a run ended.
package enum StopReason: String, Codable, Sendable {
    case finished
    /// No better validation loss for as long as `patience` says.
    case earlyStop
    /// The stop flag was set.
    case interrupted
    case timeLimit
    /// Loss or gradients were not finite; the last good state was put back.
    case diverged
}
