// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter

/// What a run leaves behind.
package struct TrainingOutcome: Sendable {
    /// The run in numbers.
    package struct Summary: Codable, Hashable, Sendable {
        package let reason: StopReason
        package let steps: Int
        package let totalSteps: Int
        /// Passes over the data that were made.
        package let epochs: Double
        /// Step whose parameters are kept; 0 is the start.
        package let keptStep: Int
        /// Validation loss of the base alone, at the start and of what is kept, nats per token; nil without held-out
        /// blocks.
        package let baseLoss: Double?
        package let startLoss: Double?
        package let keptLoss: Double?
        /// Smoothed training loss at the end; nil before the first step.
        package let trainingLoss: Double?
        /// Tokens that went through the model in this sitting.
        package let tokens: Int
        /// Seconds of this sitting.
        package let seconds: Double
    }

    package let summary: Summary
    /// The version to keep: that of the lowest validation loss, or the last where nothing is held out.
    ///
    /// Shares its numbers with the trainer, so that no second copy is needed: use it before the trainer runs on.
    package let adapter: Adapter
    /// From here the run can be continued; nil after it finished or diverged.
    package let checkpoint: Checkpoint?
    /// What to tell after a run that diverged.
    package let failure: TrainingError?
}
