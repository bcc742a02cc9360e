// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor

/// Everything that decides the numbers of a training run, apart from base, data and start.
package struct TrainingConfiguration: Codable, Hashable, Sendable {
    package var lora: LoRAConfiguration
    /// Passes over the data; parts of a pass are allowed.
    package var epochs: Double
    /// The highest rate of the schedule.
    package var learningRate: Double
    package var schedule: LearningRateSchedule.Shape = .cosine
    /// Share of the steps in which the rate rises.
    package var warmupRatio: Double = 0.03
    /// Most tokens in a block.
    package var maxLength: Int
    /// Blocks of a batch.
    package var batch: Int
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
    /// nil if it is AdamW, so that runs from before there was a choice read and write as they did.
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

    /// The length of blocks where neither a person nor the data says otherwise.
    package static let standardLength = 512

    /// Every tenth document is held out where nobody says otherwise.
    package static let standardValidation = 0.1

    /// Defaults for the other settings are those of the properties.
    package init(lora: LoRAConfiguration, epochs: Double, learningRate: Double, maxLength: Int, batch: Int) {
        self.lora = lora
        self.epochs = epochs
        self.learningRate = learningRate
        self.maxLength = maxLength
        self.batch = batch
    }

    /// Refuses settings that cannot be, so that later code may rely on them.
    ///
    /// - Throws: `TrainingError` E-TRAIN-001 naming the setting.
    package func validate() throws(TrainingError) {
        let table = TrainingSettings.table
        for setting in table.all { try setting.check(self) }
        func check(_ holds: Bool, _ name: String, _ rule: String) throws(TrainingError) {
            guard holds else { throw .setting(name, rule) }
        }
        try check(
            batch * maxLength <= 1 << 22, table.batch.name, "times the maximum length must be at most 4194304 tokens")
        try check(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1, "beta", "must be at least 0 and below 1")
        try check(epsilon > 0 && epsilon.isFinite, "epsilon", "must be above 0")
    }
}

/// The settings that a person may choose, in the order in which they are chosen and explained.
package struct TrainingSettings: Sendable {
    package static let table = TrainingSettings()

    package let rank = TrainingSetting(
        \.lora.rank, "rank", flag: "rank", rule: "must be 1 to 1024", holds: { 1...1024 ~= $0 },
        usual: { $0.usualRank }, reason: { "\($0.data.targets) tokens to learn from" })
    package let alpha = TrainingSetting(
        \.lora.alpha, "alpha", flag: "alpha", rule: "must be above 0", holds: { $0.isFinite && $0 > 0 },
        usual: { $0.usualAlpha }, reason: { _ in "twice the rank, so that the scale is 2" })
    package let rankStabilized = TrainingSetting(\.lora.rankStabilized, "rank-stabilised scale", flag: "rslora")
    package let dropout = TrainingSetting(
        \.lora.dropout, "dropout", flag: "dropout", rule: "must be at least 0 and below 1", holds: { 0..<1 ~= $0 })
    package let modules = TrainingSetting(
        \.lora.modules, "modules", flag: "modules", rule: "name nothing to train", holds: { !$0.isEmpty },
        usual: { _ in TargetModule.allCases }, reason: { _ in "all linear layers learn better than attention alone" },
        text: { $0.map(\.projectionName).joined(separator: " ") })
    package let layers = TrainingSetting(
        \.lora.layers, "layers", flag: "layers", rule: "name nothing to train", holds: { !$0.isEmpty },
        usual: { Array(0..<$0.model.shape.layers) })
    package let maxLength = TrainingSetting(
        \.maxLength, "maximum length", flag: "max-len", rule: "must be 8 to 1048576", holds: { 8...1 << 20 ~= $0 },
        usual: { $0.usualLength }, reason: { $0.reasonOfLength })
    package let packing = TrainingSetting(\.packing, "packing", flag: "packing")
    package let epochs = TrainingSetting(
        \.epochs, "epochs", flag: "epochs", rule: "must be above 0 and at most 10000",
        holds: { $0 > 0 && $0 <= 10_000 }, usual: { $0.usualEpochs },
        reason: { "\($0.data.targets) tokens; the best validation loss decides which step is kept" })
    package let validationFraction = TrainingSetting(
        \.validationFraction, "validation", flag: "valid", rule: "must be at least 0 and below 1",
        holds: { 0..<1 ~= $0 }, reason: { "share of \($0.data.examples) examples held out to measure" })
    package let evaluateEvery = TrainingSetting(
        \.evaluateEvery, "evaluation interval", flag: "evaluate-every", rule: "must be at least 0", holds: { $0 >= 0 })
    package let patience = TrainingSetting(
        \.patience, "patience", flag: "patience", rule: "must be at least 0", holds: { $0 >= 0 })
    package let accumulation = TrainingSetting(
        \.accumulation, "accumulation", flag: "accumulate", rule: "must be 1 to 4096", holds: { 1...4096 ~= $0 })
    package let batch = TrainingSetting(
        \.batch, "batch", flag: "batch", rule: "must be 1 to 4096", holds: { 1...4096 ~= $0 },
        usual: { $0.usualBatch },
        reason: { "\($0.configuration.steps(blocks: $0.blocks)) steps over about \($0.blocks) blocks" })
    package let learningRate = TrainingSetting(
        \.learningRate, "learning rate", flag: "lr", rule: "must be above 0", holds: { $0 > 0 && $0.isFinite },
        usual: { $0.usualRate }, reason: { "a model of \($0.model.parameterCount / 1_000_000) million parameters" })
    package let schedule = TrainingSetting(\.schedule, "schedule", flag: "schedule")
    package let warmupRatio = TrainingSetting(
        \.warmupRatio, "warm-up", flag: "warmup", rule: "must be at least 0 and below 1", holds: { 0..<1 ~= $0 })
    package let clip = TrainingSetting(
        \.clip, "clip", flag: "clip", rule: "must be at least 0", holds: { $0 >= 0 && $0.isFinite })
    package let weightDecay = TrainingSetting(
        \.weightDecay, "weight decay", flag: "weight-decay", rule: "must be at least 0",
        holds: { $0 >= 0 && $0.isFinite })
    package let seed = TrainingSetting(\.seed, "seed", flag: "seed")
    package let optimizer = TrainingSetting(\.optimizer, "optimizer", flag: "optimizer")
    package let precision = TrainingSetting(
        \.precision, "precision", flag: "precision", reason: { _ in "half the work of float32, with sums in float32" },
        text: { $0.rawValue })
    /// Chosen and explained with the memory.
    package let checkpointing = TrainingSetting(\.checkpointing, "recompute activations", flag: "checkpointing")

    var all: [any AnyTrainingSetting] {
        [
            rank, alpha, rankStabilized, dropout, modules, layers, maxLength, packing, epochs, validationFraction,
            evaluateEvery, patience, accumulation, batch, learningRate, schedule, warmupRatio, clip, weightDecay,
            seed, optimizer, precision, checkpointing,
        ]
    }
}
