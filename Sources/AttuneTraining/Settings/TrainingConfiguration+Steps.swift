// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel

extension TrainingConfiguration {
    /// Blocks that go through the model together.
    package var passBlocks: Int { min(batch, max(1, microBatch ?? batch)) }

    /// What a pass over blocks of up to `longest` tokens needs.
    package func passSettings(longest: Int) -> PassSettings {
        PassSettings(
            maxTokens: passBlocks * longest, precision: precision, keptLayers: checkpointing ? keptLayers ?? 1 : nil,
            dropout: lora.dropout > 0)
    }

    /// What the optimiser takes of it.
    var adamW: AdamW.Settings {
        AdamW.Settings(
            optimizer: optimizer, beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay, clip: clip)
    }

    /// Whether both give the same bytes: what is kept in memory and what is computed again makes no difference.
    func givesTheResults(of other: TrainingConfiguration) -> Bool {
        var own = self
        (own.checkpointing, own.keptLayers) = (other.checkpointing, other.keptLayers)
        return own == other
    }

    /// Layers of a model of `layers` whose activations are computed again before their backward pass.
    package func recomputedLayers(of layers: Int) -> Int {
        let adapted = layers - (lora.layers.min() ?? 0)
        return checkpointing ? max(0, adapted - max(1, keptLayers ?? 1)) : 0
    }

    /// Blocks that make one step of the optimiser.
    package var blocksPerStep: Int { batch * accumulation }

    /// Steps of a run over `blocks` blocks: the last one may have fewer blocks than the others.
    package func steps(blocks: Int) -> Int {
        (totalBlocks(blocks) + blocksPerStep - 1) / blocksPerStep
    }

    /// Blocks that a run goes through, counting repetitions; at least 1.
    package func totalBlocks(_ blocks: Int) -> Int {
        max(1, Int((Double(blocks) * epochs).rounded()))
    }

    /// Steps between two validations of a run of `steps`.
    package func evaluationInterval(steps: Int) -> Int {
        evaluateEvery > 0 ? evaluateEvery : max(1, (steps + 9) / 10)
    }
}
