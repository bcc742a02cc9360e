// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor

/// One adapter on its way: its blocks, its numbers and how far it has come.
///
/// A track knows nothing of the others that share a trainer's passes, so it learns what it learns alone.
package final class TrainingTrack {
    package let configuration: TrainingConfiguration
    package let layout: LoRALayout
    package let outline: TrainingOutline
    let base: BaseIdentity
    let dataDigest: String
    let fingerprint: BlockFingerprint
    let training: [Block]
    let validation: [Block]
    /// Measures `validation`.
    let evaluator: Evaluator
    /// The numbers of all blocks, those to learn from before those that measure.
    let numbers: Range<Int>
    let schedule: LearningRateSchedule
    let parameters: LoRAParameters<Float>
    let best: LoRAParameters<Float>
    var optimizer: AdamW
    private var order: BlockOrder
    package internal(set) var state: RunState
    /// Tokens that went through the model in this sitting.
    var tokens = 0
    /// When the state was last saved, or this sitting began.
    var lastSave = ContinuousClock.now
    /// How the run ended; nil while it goes on.
    package internal(set) var outcome: TrainingOutcome?

    /// Takes the memory of the adapter, its gradients and its optimiser.
    ///
    /// - Parameter number: the number of its first block.
    /// - Throws: `TrainingError` E-TRAIN-001, 002, 004, 007 or 008.
    init(_ task: TrainingTask, model: BaseModel, base: BaseIdentity, number: Int) throws(TrainingError) {
        let (start, checkpoint) = (task.start, task.checkpoint)
        var settings = task.configuration
        if let start {
            settings.lora = start.configuration
            settings.lora.dropout = task.configuration.lora.dropout
        }
        try settings.validate()
        guard base.shape == model.shape else { throw .otherBase(base.name) }
        guard start.map({ $0.base.id == base.id && $0.base.shape == base.shape }) ?? true else {
            throw .otherBase(start?.base.name ?? "")
        }
        guard settings.lora.layers.allSatisfy({ $0 >= 0 && $0 < model.shape.layers }),
            Set(settings.lora.layers).count == settings.lora.layers.count,
            Set(settings.lora.modules).count == settings.lora.modules.count
        else { throw .setting(TrainingSettings.table.layers.name, "must be distinct and below \(model.shape.layers)") }
        let useful = task.training.filter { $0.targetCount > 0 }
        let held = task.validation.filter { $0.targetCount > 0 }
        guard !useful.isEmpty else { throw .nothingToLearn }
        try useful.check(vocabulary: model.head.rows)
        try held.check(vocabulary: model.head.rows)
        guard (useful + held).longest <= settings.maxLength else {
            throw .setting(
                TrainingSettings.table.maxLength.name,
                "is below the longest block of \((useful + held).longest) tokens")
        }
        let layout =
            checkpoint?.parameters.layout ?? start?.layout
            ?? LoRALayout(shape: model.shape, configuration: settings.lora)
        let steps = settings.steps(blocks: useful.count)
        let fingerprint = BlockFingerprint(training: useful, validation: held)
        if let checkpoint {
            try Self.check(checkpoint, base, settings, task.dataDigest, fingerprint, steps)
        }
        self.configuration = settings
        self.layout = layout
        self.base = base
        self.dataDigest = task.dataDigest
        self.fingerprint = fingerprint
        self.training = useful
        self.validation = held
        evaluator = Evaluator(
            held.enumerated().map { (number: number + useful.count + $0, block: $1) }, batch: settings.passBlocks)
        numbers = number..<number + useful.count + held.count
        schedule = LearningRateSchedule(
            shape: settings.schedule, peak: settings.learningRate, warmupRatio: settings.warmupRatio, steps: steps)
        order = BlockOrder(count: useful.count, seed: settings.seed)
        state = checkpoint?.state ?? RunState(total: steps)
        optimizer = AdamW(layout: layout, settings: settings.adamW, updates: state.updates)
        best = LoRAParameters(layout: layout)
        if let checkpoint {
            parameters = checkpoint.parameters.copied()
            best.values.copy(from: checkpoint.best.values)
            optimizer.moments.copy(from: checkpoint.moments)
        } else {
            parameters =
                start?.parameters.copied()
                ?? Adapter.initialized(base: base, configuration: settings.lora, seed: settings.seed).parameters
            best.values.copy(from: parameters.values)
        }
        outline = TrainingOutline(
            steps: steps, done: state.step, trainingBlocks: useful.count, validationBlocks: held.count,
            trainingTokens: useful.reduce(0) { $0 + $1.tokens.count },
            trainingTargets: useful.reduce(0) { $0 + $1.targetCount }, parameters: layout.count,
            adaptedMatrices: layout.entries.count)
    }

    private static func check(
        _ checkpoint: Checkpoint, _ base: BaseIdentity, _ settings: TrainingConfiguration, _ dataDigest: String,
        _ fingerprint: BlockFingerprint, _ steps: Int
    ) throws(TrainingError) {
        guard checkpoint.manifest.base.id == base.id, checkpoint.manifest.base.shape == base.shape else {
            throw .changed("the base")
        }
        guard checkpoint.dataDigest == dataDigest, checkpoint.blocks == fingerprint else { throw .changed("the data") }
        guard checkpoint.configuration.givesTheResults(of: settings), checkpoint.state.total == steps else {
            throw .changed("the configuration")
        }
    }

    /// The state after the last step; shares its matrices with the track.
    package var checkpoint: Checkpoint {
        Checkpoint(
            configuration: configuration, state: state, dataDigest: dataDigest, blocks: fingerprint,
            manifest: AdapterManifest(
                Adapter(base: base, configuration: configuration.lora, parameters: parameters)),
            parameters: parameters, moments: optimizer.moments, best: best)
    }

    func beginSitting(at start: ContinuousClock.Instant) {
        tokens = 0
        lastSave = start
        outcome = nil
    }

    /// Tokens of the longest block.
    var longest: Int { (training + validation).longest }

    /// Tokens of the largest pass.
    var passTokens: Int { configuration.passBlocks * longest }

    var evaluationInterval: Int { configuration.evaluationInterval(steps: state.total) }

    /// Whether a validation is to be made now; without held-out blocks the state is kept instead.
    var isDue: Bool {
        state.evaluatedStep < state.step && (state.step % evaluationInterval == 0 || state.step == state.total)
    }

    /// The passes of a step; the last step of a run may have fewer blocks.
    func batches(of step: Int) -> [Batch] {
        let first = step * configuration.blocksPerStep
        let last = min(first + configuration.blocksPerStep, configuration.totalBlocks(training.count))
        var blocks: [(number: Int, block: Block)] = []
        for position in first..<last {
            let index = order.block(at: position)
            blocks.append((numbers.lowerBound + index, training[index]))
        }
        return blocks.batches(of: configuration.passBlocks)
    }

    /// Where the dropout masks of one pass come from; nil without dropout.
    func dropout(step: Int, pass: Int) -> (rate: Float, stream: RandomStream)? {
        let rate = configuration.lora.dropout
        guard rate > 0 else { return nil }
        return (rate, RandomStream(seed: configuration.seed, path: 3, UInt64(step), UInt64(pass)))
    }
}

extension [Block] {
    /// Tokens of the longest block; 0 if there is none.
    fileprivate var longest: Int { reduce(0) { Swift.max($0, $1.tokens.count) } }
}

extension PassSettings {
    /// What passes that serve all of these tracks need: the memory of the largest, kept as sparingly as by the one that
    /// keeps least.
    static func shared(_ tracks: [TrainingTrack]) -> PassSettings {
        let all = tracks.map { $0.configuration.passSettings(longest: $0.longest) }
        var settings = all[0]
        for other in all.dropFirst() {
            settings.maxTokens = max(settings.maxTokens, other.maxTokens)
            settings.keptLayers = [settings.keptLayers, other.keptLayers].compactMap { $0 }.min()
            settings.dropout = settings.dropout || other.dropout
        }
        return settings
    }
}
