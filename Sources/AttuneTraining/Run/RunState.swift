// Attune
// SPDX-License-Identifier: Apache-2.0

/// The counters of a run; with the numbers of parameters and optimiser, all that a run is.
package struct RunState: Codable, Hashable, Sendable {
    /// Steps taken, and steps of the whole run.
    package var step = 0
    package let total: Int
    /// Updates of the optimiser: steps without a counted token make none.
    package var updates = 0
    /// Exponential mean of the training loss; nil before the first step.
    package var smoothed: Double?
    /// Validation loss of the base alone and of the start.
    package var baseLoss: Double?
    package var startLoss: Double?
    /// Lowest validation loss, and the step it belongs to.
    package var bestLoss: Double?
    package var bestStep = 0
    package var evaluationsWithoutImprovement = 0
    /// The last step that was evaluated; −1 before the first evaluation.
    package var evaluatedStep = -1

    init(total: Int) { self.total = total }

    /// Whether the counters can be those of a run; they may come from a damaged file.
    var isConsistent: Bool {
        total >= 1 && step >= 0 && step <= total && updates >= 0 && updates <= step && bestStep >= 0
            && bestStep <= step && evaluationsWithoutImprovement >= 0 && evaluatedStep >= -1 && evaluatedStep <= step
    }
}
