// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The learning rate of every step: linear warm-up, then a falling curve or none.
///
/// With n steps, s from 0, warm-up share w: rate(s) = peak · min(1, (s+1)/max(1, w·n)) · shape(s/n), where shape(x) is
/// ½(1 + cos πx), 1 − x or 1.
package struct LearningRateSchedule: Codable, Hashable, Sendable {
    /// How the rate falls after the warm-up.
    package enum Shape: String, Codable, Sendable, CaseIterable {
        case cosine, linear, constant
    }

    package let shape: Shape
    package let peak: Double
    package let warmupRatio: Double
    /// n, at least 1.
    package let steps: Int

    package init(shape: Shape, peak: Double, warmupRatio: Double, steps: Int) {
        precondition(steps >= 1, "\(steps) steps")
        self.shape = shape
        self.peak = peak
        self.warmupRatio = warmupRatio
        self.steps = steps
    }

    /// The rate of step `step`, counted from 0.
    package func rate(at step: Int) -> Double {
        let warmup = min(1, Double(step + 1) / max(1, warmupRatio * Double(steps)))
        let progress = Double(step) / Double(steps)
        return switch shape {
        case .cosine: peak * warmup * 0.5 * (1 + cos(.pi * progress))
        case .linear: peak * warmup * (1 - progress)
        case .constant: peak * warmup
        }
    }
}
