// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// Σ x² over all elements, summed in double.
package func sumOfSquares(_ x: Matrix<Float>) -> Double { attune_sum_of_squares(x.pointer, Int64(x.count)) }

/// Whether no element is NaN or infinite.
package func isFinite(_ x: Matrix<Float>) -> Bool { attune_is_finite(x.pointer, Int64(x.count)) != 0 }

/// What one step of AdamW is made with.
package struct AdamWStep {
    let settings: attune_adamw_settings

    /// - Parameters:
    ///   - step: counts from 1.
    ///   - gradientScale: what gradients are multiplied with first.
    package init(
        step: Int, rate: Double, beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double,
        gradientScale: Double
    ) {
        precondition(step >= 1, "steps count from 1")
        settings = attune_adamw_settings(
            step: Int64(step), rate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon, weight_decay: weightDecay,
            gradient_scale: gradientScale)
    }
}

/// One step of AdamW in place, as `torch.optim.AdamW`, with g = gradientScale·gradient (arXiv:1711.05101):
/// w ← w·(1 − rate·decay); m ← β1·m + (1 − β1)·g; v ← β2·v + (1 − β2)·g²;
/// w ← w − rate·(m/(1 − β1^step))/(√(v/(1 − β2^step)) + ε).
package func adamW(
    _ step: AdamWStep, parameters: Matrix<Float>, gradients: Matrix<Float>, m: Matrix<Float>, v: Matrix<Float>
) {
    precondition(parameters.count == gradients.count && gradients.count == m.count && m.count == v.count)
    withUnsafePointer(to: step.settings) {
        attune_adamw(parameters.pointer, gradients.pointer, m.pointer, v.pointer, Int64(parameters.count), $0)
    }
}

/// The same step with m and v in 8 bits, which are expanded before it and rounded again after it.
package func adamW(
    _ step: AdamWStep, parameters: Matrix<Float>, gradients: Matrix<Float>, moments: QuantizedMoments
) {
    precondition(parameters.count == gradients.count && parameters.count == moments.layout.count)
    var m = moments.m.pointers
    var v = moments.v.pointers
    withUnsafePointer(to: step.settings) {
        attune_adamw_8bit(
            parameters.pointer, gradients.pointer, &m, &v, moments.pieces.pointer, Int64(moments.pieces.count), $0)
    }
}
