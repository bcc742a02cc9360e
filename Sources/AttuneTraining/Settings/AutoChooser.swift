// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor

/// Makes the choices of `AutoSettings`, one group after the other, and keeps the reason of each.
struct AutoChooser {
    private let model: BaseModel
    private let data: AutoSettings.DataSize
    private let wishes: AutoSettings.Wishes
    private(set) var configuration: TrainingConfiguration
    private(set) var reasons: [AutoSettings.Reason] = []

    init(model: BaseModel, data: AutoSettings.DataSize, wishes: AutoSettings.Wishes) {
        self.model = model
        self.data = data
        self.wishes = wishes
        configuration = TrainingConfiguration(
            lora: LoRAConfiguration(rank: 16, alpha: 32, layers: Array(0..<model.shape.layers)))
    }

    private mutating func note(_ setting: String, _ value: some Any, _ isWish: Bool, _ reason: String) {
        reasons.append(.init(setting: setting, value: "\(value)", reason: isWish ? "as you asked" : reason))
    }

    /// Refuses what was asked for and cannot be, before anything is computed from it.
    ///
    /// - Throws: `TrainingError` E-TRAIN-001.
    func checkWishes() throws(TrainingError) {
        var asked = configuration
        asked.lora.rank = wishes.rank ?? asked.lora.rank
        asked.epochs = wishes.epochs ?? asked.epochs
        asked.maxLength = wishes.maxLength ?? asked.maxLength
        asked.batch = wishes.batch ?? 1
        asked.accumulation = wishes.accumulation ?? 1
        try asked.validate()
    }

    mutating func chooseAdapter() {
        let rank =
            switch (wishes.preset, data.targets) {
            case (.quick, _), (_, ..<10_000): 8
            case (.thorough, 100_000...), (_, 2_000_000...): 32
            default: 16
            }
        configuration.lora.rank = wishes.rank ?? rank
        note("rank", configuration.lora.rank, wishes.rank != nil, "\(data.targets) tokens to learn from")
        configuration.lora.alpha = wishes.alpha ?? 2 * Float(configuration.lora.rank)
        note("alpha", configuration.lora.alpha, wishes.alpha != nil, "twice the rank, so that the scale is 2")
        configuration.lora.rankStabilized = wishes.rankStabilized ?? false
        configuration.lora.dropout = wishes.dropout ?? 0
        configuration.lora.modules = (wishes.modules ?? TargetModule.allCases).sorted()
        configuration.lora.layers = (wishes.layers ?? Array(0..<model.shape.layers)).sorted()
        note(
            "modules", configuration.lora.modules.map(\.projectionName).joined(separator: " "),
            wishes.modules != nil, "all linear layers learn better than attention alone")
    }

    mutating func chooseLength() {
        let context = max(8, min(model.configuration.contextLength, 1 << 20))
        // Blocks hold several short examples, so there is no gain below 512; longer text is worth at most 1024 here.
        let usual = data.usual > 512 && wishes.preset != .quick ? 1024 : 512
        configuration.maxLength = wishes.maxLength ?? min(usual, context)
        note(
            "maximum length", configuration.maxLength, wishes.maxLength != nil,
            data.longest > configuration.maxLength
                ? "nine of ten examples have at most \(data.usual) tokens; longer ones are split, nothing is lost"
                : "the longest example has \(data.longest) tokens; short ones share a block")
        configuration.packing = wishes.packing ?? .documents
    }

    mutating func chooseDuration() {
        let usual: Double
        switch data.targets {
        case ..<30_000: usual = 5
        case ..<300_000: usual = 3
        case ..<1_500_000: usual = 2
        default: usual = 1
        }
        let chosen: Double
        switch wishes.preset {
        case .quick: chosen = 1
        case .balanced: chosen = usual
        case .thorough: chosen = 2 * usual
        }
        configuration.epochs = wishes.epochs ?? chosen
        note(
            "epochs", configuration.epochs, wishes.epochs != nil,
            "\(data.targets) tokens; the best validation loss decides which step is kept")
        configuration.validationFraction = wishes.validationFraction ?? configuration.validationFraction
        configuration.evaluateEvery = wishes.evaluateEvery ?? 0
        configuration.patience = wishes.patience ?? 3
        note(
            "validation", configuration.validationFraction, wishes.validationFraction != nil,
            "share of \(data.examples) examples held out to measure")
    }

    mutating func chooseBatch() {
        // About 2048 tokens a step, but not fewer than some 100 steps in a run, down to one block a step.
        let blocks = max(1, data.tokens / configuration.maxLength)
        let enough = max(1, Int(Double(blocks) * configuration.epochs) / 100)
        let usual = max(1, min(2048 / configuration.maxLength, enough))
        configuration.batch = wishes.batch ?? usual
        configuration.accumulation = wishes.accumulation ?? 1
        note(
            "batch", configuration.batch, wishes.batch != nil,
            "\(configuration.steps(blocks: blocks)) steps over about \(blocks) blocks")
    }

    mutating func chooseRate() {
        // Small models take, and need, higher rates than large ones.
        let usual =
            switch model.parameterCount {
            case ..<400_000_000: 5e-4
            case ..<2_000_000_000: 3e-4
            case ..<9_000_000_000: 2e-4
            default: 1e-4
            }
        configuration.learningRate = wishes.learningRate ?? usual
        note(
            "learning rate", configuration.learningRate, wishes.learningRate != nil,
            "a model of \(model.parameterCount / 1_000_000) million parameters")
        configuration.schedule = wishes.schedule ?? .cosine
        configuration.warmupRatio = wishes.warmupRatio ?? configuration.warmupRatio
        configuration.clip = wishes.clip ?? configuration.clip
        configuration.weightDecay = wishes.weightDecay ?? configuration.weightDecay
    }

    mutating func chooseRest() {
        configuration.seed = wishes.seed ?? configuration.seed
        configuration.optimizer = wishes.optimizer ?? .adamw
        configuration.precision = wishes.precision ?? .bfloat16
        note(
            "precision", configuration.precision.rawValue, wishes.precision != nil,
            "half the work of float32, with sums in float32")
    }

    /// Runs as fast as memory allows, and shrinks what nobody asked for where that is not enough.
    mutating func chooseForMemory(
        limits: MemoryLimits, adapters: Int, threads: Int
    ) throws(TrainingError) -> MemoryPlan {
        var plan = runFastest(limits: limits, adapters: adapters, threads: threads)
        while !plan.fits || isWorthSmallMoments(plan, limits: limits, adapters: adapters, threads: threads),
            let next = shrink(from: plan, limits: limits, adapters: adapters, threads: threads)
        { plan = next }
        guard plan.fits else {
            let fitting = try MemoryPlan.fitting(
                model: model, configuration: configuration, longest: configuration.maxLength, limits: limits,
                adapters: adapters, checkpointing: wishes.checkpointing, threads: threads)
            throw .doesNotFit(
                needed: plan.total, limits: limits,
                flags: fitting.configuration.memoryFlags(changedFrom: configuration))
        }
        noteMemory(plan)
        return plan
    }

    private func chooser(_ limits: MemoryLimits, _ adapters: Int, _ threads: Int) -> MemoryChooser {
        MemoryChooser(
            model: model, configuration: configuration, longest: configuration.maxLength, limits: limits,
            adapters: adapters, threads: threads, checkpointing: wishes.checkpointing)
    }

    private mutating func runFastest(limits: MemoryLimits, adapters: Int, threads: Int) -> MemoryPlan {
        let choice = chooser(limits, adapters, threads).fastest(configuration)
        configuration = choice.configuration
        return choice.plan
    }

    /// Whether moments of 8 bits would let so many more layers keep their activations that a step takes 3 % less
    /// time; only within a limit that a person set, for they are not quite the same moments.
    private func isWorthSmallMoments(_ plan: MemoryPlan, limits: MemoryLimits, adapters: Int, threads: Int) -> Bool {
        guard limits.asked != nil, wishes.optimizer == nil, configuration.optimizer == .adamw,
            configuration.checkpointing
        else { return false }
        let chooser = chooser(limits, adapters, threads)
        var smaller = configuration
        smaller.optimizer = .adamw8bit
        return chooser.fastest(smaller).cost < 0.97 * chooser.fastest(configuration).cost
    }

    private mutating func noteMemory(_ plan: MemoryPlan) {
        let layers = model.shape.layers
        let recomputed = configuration.recomputedLayers(of: layers)
        note(
            "recompute activations", recomputed == 0 ? "no" : "\(recomputed) of \(layers) layers",
            wishes.checkpointing != nil,
            "takes \(Bytes.text(plan.total)) of \(Bytes.text(plan.available)); keeping them is faster")
        if configuration.passBlocks < configuration.batch {
            note(
                "pass", configuration.passBlocks, false,
                "of the \(configuration.batch) blocks of a batch go through the model together: as fast, in less memory"
            )
        }
        if let window = plan.residentWeights {
            note(
                "weights in memory", Bytes.text(window), false,
                "of \(Bytes.text(model.residency.total)); layers are read ahead and dropped")
        }
    }

    /// Makes one thing smaller that nobody asked for; nil where there is none left.
    private mutating func shrink(from plan: MemoryPlan, limits: MemoryLimits, adapters: Int, threads: Int)
        -> MemoryPlan?
    {
        let setting: String
        let value: String
        if configuration.optimizer == .adamw, wishes.optimizer == nil {
            configuration.optimizer = .adamw8bit
            (setting, value) = ("optimizer", configuration.optimizer.rawValue)
        } else if configuration.maxLength > 128, wishes.maxLength == nil {
            configuration.maxLength = max(128, configuration.maxLength / 2)
            (setting, value) = ("maximum length", "\(configuration.maxLength)")
        } else if configuration.lora.rank > 4, wishes.rank == nil {
            configuration.lora.rank = max(4, configuration.lora.rank / 2)
            configuration.lora.alpha = wishes.alpha ?? 2 * Float(configuration.lora.rank)
            (setting, value) = ("rank", "\(configuration.lora.rank)")
        } else {
            return nil
        }
        let next = runFastest(limits: limits, adapters: adapters, threads: threads)
        note(
            setting, value, false,
            "takes \(Bytes.text(next.total)) instead of \(Bytes.text(plan.total)) of \(Bytes.text(plan.available))")
        return next
    }
}
