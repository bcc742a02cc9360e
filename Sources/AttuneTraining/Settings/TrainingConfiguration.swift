// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor

/// Everything that decides the numbers of a training run, apart from base, data and start.
package struct TrainingConfiguration: Codable, Hashable, Sendable {
    package var lora: LoRAConfiguration
    /// Passes over the data; parts of a pass are allowed.
    package var epochs: Double = 3
    /// The highest rate of the schedule.
    package var learningRate: Double = 2e-4
    package var schedule: LearningRateSchedule.Shape = .cosine
    /// Share of the steps in which the rate rises.
    package var warmupRatio: Double = 0.03
    /// Most tokens in a block.
    package var maxLength: Int = 512
    /// Blocks of a batch.
    package var batch: Int = 4
    /// Batches whose gradients make one step.
    package var accumulation: Int = 1
    /// Blocks that go through the model together, a part of the batch: the gradients of the parts add up to the same,
    /// in less memory. nil: the whole batch.
    package var microBatch: Int?
    /// Largest global norm of the gradient; 0 turns clipping off.
    package var clip: Double = 1
    package var weightDecay: Double = 0
    package var beta1: Double = 0.9
    package var beta2: Double = 0.999
    package var epsilon: Double = 1e-8
    package var seed: UInt64 = 42
    /// Share of the documents that are held out.
    package var validationFraction: Double = Self.standardValidation
    /// Steps between two validations; 0 means ten in a run.
    package var evaluateEvery: Int = 0
    /// Validations without a better loss before the run ends early; 0 never ends it.
    package var patience: Int = 3
    package var precision: Precision = .bfloat16
    /// Keep only the input of each layer and compute the rest again.
    package var checkpointing: Bool = true
    /// Layers from the top that keep everything although the others do not; nil: one.
    package var keptLayers: Int?
    package var packing: Packing = .documents
    /// nil where it is AdamW, so that runs from before there was a choice read and write as they did.
    private var otherOptimizer: Optimizer?

    package var optimizer: Optimizer {
        get { otherOptimizer ?? .adamw }
        set { otherOptimizer = newValue == .adamw ? nil : newValue }
    }

    private enum CodingKeys: String, CodingKey {
        case lora, epochs, learningRate, schedule, warmupRatio, maxLength, batch, accumulation, clip, weightDecay
        case beta1, beta2, epsilon, seed, validationFraction, evaluateEvery, patience, precision, checkpointing
        case packing, microBatch, keptLayers
        case otherOptimizer = "optimizer"
    }

    /// Every tenth document is held out where nobody says otherwise.
    package static let standardValidation = 0.1

    /// Defaults for the other settings are those of the properties.
    package init(lora: LoRAConfiguration) { self.lora = lora }

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

    /// Refuses settings that cannot be, so that later code may rely on them.
    ///
    /// - Throws: `TrainingError` E-TRAIN-001 naming the setting.
    package func validate() throws(TrainingError) {
        func check(_ holds: Bool, _ name: String, _ reason: String) throws(TrainingError) {
            guard holds else { throw .setting(name, reason) }
        }
        try check(lora.rank >= 1 && lora.rank <= 1024, "rank", "must be 1 to 1024")
        try check(lora.alpha.isFinite && lora.alpha > 0, "alpha", "must be above 0")
        try check(lora.dropout >= 0 && lora.dropout < 1, "dropout", "must be at least 0 and below 1")
        try check(!lora.modules.isEmpty && !lora.layers.isEmpty, "target modules", "name nothing to train")
        try check(epochs > 0 && epochs <= 10_000, "epochs", "must be above 0 and at most 10000")
        try check(learningRate > 0 && learningRate.isFinite, "learning rate", "must be above 0")
        try check(warmupRatio >= 0 && warmupRatio < 1, "warm-up", "must be at least 0 and below 1")
        try check(maxLength >= 8 && maxLength <= 1 << 20, "maximum length", "must be 8 to 1048576")
        try check(batch >= 1 && batch <= 4096, "batch", "must be 1 to 4096")
        try check(accumulation >= 1 && accumulation <= 4096, "accumulation", "must be 1 to 4096")
        try check(batch * maxLength <= 1 << 22, "batch", "times the maximum length must be at most 4194304 tokens")
        try check(clip >= 0 && clip.isFinite, "clip", "must be at least 0")
        try check(weightDecay >= 0 && weightDecay.isFinite, "weight decay", "must be at least 0")
        try check(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1, "beta", "must be at least 0 and below 1")
        try check(epsilon > 0 && epsilon.isFinite, "epsilon", "must be above 0")
        try check(validationFraction >= 0 && validationFraction < 1, "validation", "must be at least 0 and below 1")
        try check(evaluateEvery >= 0 && patience >= 0, "patience", "must be at least 0")
    }

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
