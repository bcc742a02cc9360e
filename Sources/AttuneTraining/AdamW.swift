// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// AdamW (arXiv:1711.05101) over all parameters of an adapter, with clipping by the global norm.
///
/// Owns the gradients and both moments: 12 bytes for each parameter.
struct AdamW {
    let gradients: LoRAParameters<Float>
    let m: LoRAParameters<Float>
    let v: LoRAParameters<Float>
    private let configuration: TrainingConfiguration
    /// Updates made so far.
    private(set) var updates: Int

    init(layout: LoRALayout, configuration: TrainingConfiguration, updates: Int = 0) {
        gradients = LoRAParameters(layout: layout)
        m = LoRAParameters(layout: layout)
        v = LoRAParameters(layout: layout)
        self.configuration = configuration
        self.updates = updates
    }

    /// ‖g‖₂ over all parameters; not finite where any number is not.
    var gradientNorm: Double { sumOfSquares(gradients.values).squareRoot() }

    func clearGradients() { gradients.values.buffer.update(repeating: 0) }

    /// One update with the gradients as they are: g is scaled by min(1, clip / (norm + 1e-6)) first, as in torch.
    mutating func update(_ parameters: LoRAParameters<Float>, rate: Double, norm: Double) {
        updates += 1
        let scale = configuration.clip > 0 ? min(1, configuration.clip / (norm + 1e-6)) : 1
        adamW(
            parameters: parameters.values, gradients: gradients.values, m: m.values, v: v.values, step: updates,
            rate: Float(rate), beta1: Float(configuration.beta1), beta2: Float(configuration.beta2),
            epsilon: Float(configuration.epsilon), weightDecay: Float(configuration.weightDecay),
            gradientScale: Float(scale))
    }
}
