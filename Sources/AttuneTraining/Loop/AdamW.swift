// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor

/// AdamW (arXiv:1711.05101) over all parameters of an adapter, with clipping by the global norm.
///
/// Owns the gradients and both moments: 12 bytes for each parameter, or 6 with moments of 8 bits.
struct AdamW {
    /// What stays the same in all updates of a run.
    struct Settings {
        var optimizer = Optimizer.adamw
        var beta1: Double
        var beta2: Double
        var epsilon: Double
        var weightDecay: Double
        /// Largest global norm of the gradient; 0 turns clipping off.
        var clip: Double
    }

    let gradients: LoRAParameters<Float>
    let moments: Moments
    private let settings: Settings
    /// Updates made so far.
    private(set) var updates: Int

    init(layout: LoRALayout, settings: Settings, updates: Int = 0) {
        gradients = LoRAParameters(layout: layout)
        moments = Moments(layout: layout, optimizer: settings.optimizer)
        self.settings = settings
        self.updates = updates
    }

    /// ‖g‖₂ over all parameters; not finite where any number is not.
    var gradientNorm: Double { sumOfSquares(gradients.values).squareRoot() }

    func clearGradients() { gradients.values.buffer.update(repeating: 0) }

    /// One update with the gradients as they are: g is scaled by min(1, clip / (norm + 1e-6)) first, as in torch.
    mutating func update(_ parameters: LoRAParameters<Float>, rate: Double, norm: Double) {
        updates += 1
        let scale = settings.clip > 0 ? min(1, settings.clip / (norm + 1e-6)) : 1
        let step = AdamWStep(
            step: updates, rate: rate, beta1: settings.beta1, beta2: settings.beta2,
            epsilon: settings.epsilon, weightDecay: settings.weightDecay, gradientScale: scale)
        switch moments {
        case .full(let m, let v):
            adamW(step, parameters: parameters.values, gradients: gradients.values, m: m.values, v: v.values)
        case .quantized(let moments):
            adamW(step, parameters: parameters.values, gradients: gradients.values, moments: moments)
        }
    }
}
