// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor

/// Settings for a run, chosen from the size of the data and the memory wherever nobody chose them.
package struct AutoSettings: Sendable {
    /// What a person asked for; nil leaves the choice to Attune.
    package struct Wishes: Codable, Hashable, Sendable {
        package var preset: Preset = .balanced
        package var rank: Int?
        package var alpha: Float?
        package var rankStabilized: Bool?
        package var dropout: Float?
        package var modules: [TargetModule]?
        package var layers: [Int]?
        package var epochs: Double?
        package var learningRate: Double?
        package var schedule: LearningRateSchedule.Shape?
        package var warmupRatio: Double?
        package var maxLength: Int?
        package var batch: Int?
        package var accumulation: Int?
        package var clip: Double?
        package var weightDecay: Double?
        package var seed: UInt64?
        package var validationFraction: Double?
        package var evaluateEvery: Int?
        package var patience: Int?
        package var precision: Precision?
        package var checkpointing: Bool?
        package var packing: Packing?
        package var optimizer: Optimizer?

        package init() {}
    }

    /// How much time may go into the result.
    package enum Preset: String, Codable, Sendable, CaseIterable {
        case quick, balanced, thorough
    }

    /// The sizes of the data, all of them in tokens but `examples`.
    package struct DataSize: Codable, Hashable, Sendable {
        package let examples: Int
        package let tokens: Int
        /// Tokens that are learned.
        package let targets: Int
        /// Length of the longest example, and the length that nine of ten do not exceed.
        package let longest: Int
        package let usual: Int

        package init(examples: Int, tokens: Int, targets: Int, longest: Int, usual: Int) {
            self.examples = examples
            self.tokens = tokens
            self.targets = targets
            self.longest = longest
            self.usual = usual
        }

        package init(_ examples: [Example]) {
            let lengths = examples.map(\.tokens.count).sorted()
            self.init(
                examples: examples.count, tokens: lengths.reduce(0, +),
                targets: examples.reduce(0) { $0 + $1.targetCount }, longest: lengths.last ?? 0,
                usual: lengths.isEmpty ? 0 : lengths[min(lengths.count - 1, lengths.count * 9 / 10)])
        }
    }

    /// One setting, and why it is what it is.
    package struct Reason: Codable, Hashable, Sendable {
        package let setting: String
        package let value: String
        package let reason: String
    }

    package let configuration: TrainingConfiguration
    package let reasons: [Reason]
    package let memory: MemoryPlan

    /// Chooses what `wishes` leave open.
    ///
    /// Settings that a person chose are never changed; where the rest cannot be made to fit around them, the error
    /// says so and `MemoryPlan.fitting` says what would help.
    /// - Parameter adapters: how many are trained in the same passes.
    /// - Throws: `TrainingError` E-TRAIN-001 or E-TRAIN-005.
    package static func choose(
        model: BaseModel, data: DataSize, wishes: Wishes = Wishes(), limits: MemoryLimits = .current(),
        adapters: Int = 1, threads: Int = Kernels.threads
    ) throws(TrainingError) -> AutoSettings {
        var chooser = AutoChooser(model: model, data: data, wishes: wishes)
        try chooser.checkWishes()
        chooser.chooseAdapter()
        chooser.chooseLength()
        chooser.chooseDuration()
        chooser.chooseBatch()
        chooser.chooseRate()
        chooser.chooseRest()
        try chooser.configuration.validate()
        let memory = try chooser.chooseForMemory(limits: limits, adapters: adapters, threads: threads)
        return AutoSettings(configuration: chooser.configuration, reasons: chooser.reasons, memory: memory)
    }
}
