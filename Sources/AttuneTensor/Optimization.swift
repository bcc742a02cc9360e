// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// Σ x² over all elements, summed in double.
package func sumOfSquares(_ x: Matrix<Float>) -> Double { attune_sum_of_squares(x.pointer, Int64(x.count)) }

/// Whether no element is NaN or infinite.
package func isFinite(_ x: Matrix<Float>) -> Bool { attune_is_finite(x.pointer, Int64(x.count)) != 0 }

/// One step of AdamW in place, as `torch.optim.AdamW`, with g = gradientScale·gradient (arXiv:1711.05101):
/// w ← w·(1 − rate·decay); m ← β1·m + (1 − β1)·g; v ← β2·v + (1 − β2)·g²;
/// w ← w − rate·(m/(1 − β1^step))/(√(v/(1 − β2^step)) + ε). `step` counts from 1.
package func adamW(
    parameters: Matrix<Float>, gradients: Matrix<Float>, m: Matrix<Float>, v: Matrix<Float>, step: Int, rate: Float,
    beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float, gradientScale: Float
) {
    precondition(parameters.count == gradients.count && gradients.count == m.count && m.count == v.count)
    precondition(step >= 1, "steps count from 1")
    attune_adamw(
        parameters.pointer, gradients.pointer, m.pointer, v.pointer, Int64(parameters.count), Int64(step), rate,
        beta1, beta2, epsilon, weightDecay, gradientScale)
}
