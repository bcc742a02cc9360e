// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor

/// Makes the choices of `AutoSettings` by the table of settings, and keeps the reason of each.
struct AutoChooser {
    let model: BaseModel
    let data: AutoSettings.DataSize
    let wishes: AutoSettings.Wishes
    private let machine: Machine
    /// How many are trained in the same passes.
    private let adapters: Int
    var configuration: TrainingConfiguration
    private(set) var reasons: [AutoSettings.Reason] = []

    init(
        model: BaseModel, data: AutoSettings.DataSize, wishes: AutoSettings.Wishes, machine: Machine, adapters: Int
    ) {
        self.model = model
        self.data = data
        self.wishes = wishes
        self.machine = machine
        self.adapters = adapters
        configuration = wishes.configuration
    }

    /// Chooses everything but what is decided by memory.
    ///
    /// - Throws: `TrainingError` E-TRAIN-001 if what was chosen and what was asked for do not go together.
    mutating func choose() throws(TrainingError) {
        let settings = TrainingSettings.table.all
        for setting in settings { setting.choose(for: &self) }
        configuration.lora.modules.sort()
        configuration.lora.layers.sort()
        reasons = settings.compactMap { $0.explanation(by: self) }
        try configuration.validate()
    }

    private mutating func note(_ setting: String, _ value: some Any, _ reason: String) {
        reasons.append(.init(setting: setting, value: "\(value)", reason: reason))
    }

    /// Runs as fast as memory allows, and shrinks what nobody asked for where that is not enough.
    mutating func chooseForMemory() throws(TrainingError) -> MemoryPlan {
        var plan = runFastest()
        while !plan.fits || isWorthSmallMoments, let next = shrink(from: plan) { plan = next }
        guard plan.fits else {
            let fitting = try MemoryPlan.fitting(
                model: model, configuration: configuration, longest: configuration.maxLength, machine: machine,
                adapters: adapters, checkpointing: wishes.checkpointing)
            throw .doesNotFit(
                needed: plan.total, limits: machine.limits,
                flags: fitting.configuration.memoryFlags(changedFrom: configuration))
        }
        noteMemory(plan)
        return plan
    }

    private var chooser: MemoryChooser {
        MemoryChooser(
            model: model, configuration: configuration, longest: configuration.maxLength, machine: machine,
            adapters: adapters, checkpointing: wishes.checkpointing)
    }

    private mutating func runFastest() -> MemoryPlan {
        let choice = chooser.fastest(configuration)
        configuration = choice.configuration
        return choice.plan
    }

    /// Whether moments of 8 bits would let so many more layers keep their activations that a step takes 3 % less
    /// time; only within a limit that a person set, for they are not quite the same moments.
    private var isWorthSmallMoments: Bool {
        guard machine.limits.asked != nil, wishes.optimizer == nil, configuration.optimizer == .adamw,
            configuration.checkpointing
        else { return false }
        let chooser = chooser
        var smaller = configuration
        smaller.optimizer = .adamw8bit
        return chooser.fastest(smaller).cost < 0.97 * chooser.fastest(configuration).cost
    }

    private mutating func noteMemory(_ plan: MemoryPlan) {
        let settings = TrainingSettings.table
        let layers = model.shape.layers
        let recomputed = configuration.recomputedLayers(of: layers)
        note(
            settings.checkpointing.name, recomputed == 0 ? "no" : "\(recomputed) of \(layers) layers",
            wishes.checkpointing != nil
                ? "as you asked"
                : "takes \(Quantity.text(bytes: plan.total)) of \(Quantity.text(bytes: plan.available)); keeping them is faster"
        )
        if configuration.passBlocks < configuration.batch {
            note(
                "pass", configuration.passBlocks,
                "of the \(configuration.batch) blocks of a batch go through the model together: as fast, in less memory"
            )
        }
        if let window = plan.residentWeights {
            note(
                "weights in memory", Quantity.text(bytes: window),
                "of \(Quantity.text(bytes: model.residency.total)); layers are read ahead and dropped")
        }
    }

    /// Makes one thing smaller that nobody asked for; nil if there is none left.
    private mutating func shrink(from plan: MemoryPlan) -> MemoryPlan? {
        let settings = TrainingSettings.table
        let setting: String
        let value: String
        if configuration.optimizer == .adamw, wishes.optimizer == nil {
            configuration.optimizer = .adamw8bit
            (setting, value) = (settings.optimizer.name, configuration.optimizer.rawValue)
        } else if configuration.maxLength > 128, wishes.maxLength == nil {
            configuration.maxLength = max(128, configuration.maxLength / 2)
            (setting, value) = (settings.maxLength.name, "\(configuration.maxLength)")
        } else if configuration.lora.rank > 4, wishes.rank == nil {
            configuration.lora.rank = max(4, configuration.lora.rank / 2)
            configuration.lora.alpha = wishes.alpha ?? usualAlpha
            (setting, value) = (settings.rank.name, "\(configuration.lora.rank)")
        } else {
            return nil
        }
        let next = runFastest()
        note(
            setting, value,
            "takes \(Quantity.text(bytes: next.total)) instead of \(Quantity.text(bytes: plan.total)) of \(Quantity.text(bytes: plan.available))"
        )
        return next
    }
}

/// What is usual where nobody asked for anything else.
extension AutoChooser {
    var usualRank: Int {
        switch data.targets {
        case ..<10_000: 8
        case 2_000_000...: 32
        default: 16
        }
    }

    var usualAlpha: Float { 2 * Float(configuration.lora.rank) }

    var usualLength: Int {
        let context = max(8, min(model.configuration.contextLength, 1 << 20))
        let standard = TrainingConfiguration.standardLength
        // Blocks hold several short examples, so there is no gain below; longer text is worth at most twice as much.
        return min(data.usual > standard ? 2 * standard : standard, context)
    }

    var reasonOfLength: String {
        data.longest > configuration.maxLength
            ? "nine of ten examples have at most \(data.usual) tokens; longer ones are split, nothing is lost"
            : "the longest example has \(data.longest) tokens; short ones share a block"
    }

    var usualEpochs: Double {
        switch data.targets {
        case ..<30_000: 5
        case ..<300_000: 3
        case ..<1_500_000: 2
        default: 1
        }
    }

    /// About how many blocks the data makes.
    var blocks: Int { max(1, data.tokens / configuration.maxLength) }

    /// About 2048 tokens a step, but not fewer than some 100 steps in a run, down to one block a step.
    var usualBatch: Int {
        let enough = max(1, Int(Double(blocks) * configuration.epochs) / 100)
        return max(1, min(2048 / configuration.maxLength, enough))
    }

    /// Small models take, and need, higher rates than large ones.
    var usualRate: Double {
        switch model.parameterCount {
        case ..<400_000_000: 5e-4
        case ..<2_000_000_000: 3e-4
        case ..<9_000_000_000: 2e-4
        default: 1e-4
        }
    }
}
