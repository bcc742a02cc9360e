// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor

/// Trains one adapter: an explicit loop over steps, with all memory taken before the first.
///
/// The same base, blocks, configuration and start give the same bytes, for any count of threads and wherever the run
/// was interrupted. One trainer serves one thread at a time; nothing here belongs on Swift's cooperative pool.
package final class Trainer {
    package let configuration: TrainingConfiguration
    package let layout: LoRALayout
    package let outline: TrainingOutline
    let model: BaseModel
    let base: BaseIdentity
    let dataDigest: String
    let fingerprint: BlockFingerprint
    let training: [Block]
    let pass: LossPass<Float>
    let evaluator: Evaluator
    let schedule: LearningRateSchedule
    let parameters: LoRAParameters<Float>
    let best: LoRAParameters<Float>
    var optimizer: AdamW
    var order: BlockOrder
    package internal(set) var state: RunState

    /// Takes all memory of the run.
    ///
    /// - Parameters:
    ///   - base: identity of `model`.
    ///   - training: blocks to learn from; those without a counted token are left out.
    ///   - validation: blocks that only measure; may be empty, then the last version is kept.
    ///   - dataDigest: names the data, and is compared when a run is continued.
    ///   - start: adapter to go on from, whose sites, ranks and scales then hold; nil starts a new one.
    ///   - checkpoint: state to continue from, made with the same base, configuration and data.
    /// - Throws: `TrainingError` E-TRAIN-001, 002, 004, 007 or 008.
    package init(
        model: BaseModel, base: BaseIdentity, configuration: TrainingConfiguration, training: [Block],
        validation: [Block], dataDigest: String, start: Adapter? = nil, checkpoint: Checkpoint? = nil
    ) throws(TrainingError) {
        var settings = configuration
        if let start {
            settings.lora = start.configuration
            settings.lora.dropout = configuration.lora.dropout
        }
        try settings.validate()
        guard base.shape == model.shape else { throw .otherBase(base.name) }
        guard start.map({ $0.base.id == base.id && $0.base.shape == base.shape }) ?? true else {
            throw .otherBase(start?.base.name ?? "")
        }
        guard settings.lora.layers.allSatisfy({ $0 >= 0 && $0 < model.shape.layers }),
            Set(settings.lora.layers).count == settings.lora.layers.count,
            Set(settings.lora.modules).count == settings.lora.modules.count
        else { throw .setting("layers", "must be distinct and below \(model.shape.layers)") }
        let useful = training.filter { $0.targetCount > 0 }
        let held = validation.filter { $0.targetCount > 0 }
        guard !useful.isEmpty else { throw .nothingToLearn }
        try useful.check(vocabulary: model.head.rows)
        try held.check(vocabulary: model.head.rows)
        let longest = (useful + held).reduce(0) { max($0, $1.tokens.count) }
        guard longest <= settings.maxLength else {
            throw .setting("maximum length", "is below the longest block of \(longest) tokens")
        }
        let layout =
            checkpoint?.parameters.layout ?? start?.layout
            ?? LoRALayout(shape: model.shape, configuration: settings.lora)
        let steps = settings.steps(blocks: useful.count)
        let fingerprint = BlockFingerprint(training: useful, validation: held)
        if let checkpoint {
            try Self.check(checkpoint, base, settings, dataDigest, fingerprint, steps)
        }
        self.configuration = settings
        self.layout = layout
        self.model = model
        self.base = base
        self.dataDigest = dataDigest
        self.fingerprint = fingerprint
        self.training = useful
        pass = LossPass(
            model: model, layout: layout, maxTokens: settings.batch * longest, precision: settings.precision,
            checkpointing: settings.checkpointing, chunk: MemoryPlan.chunk(vocabulary: model.head.rows))
        evaluator = Evaluator(model: model, pass: pass, blocks: held, batch: settings.batch)
        schedule = LearningRateSchedule(
            shape: settings.schedule, peak: settings.learningRate, warmupRatio: settings.warmupRatio, steps: steps)
        order = BlockOrder(count: useful.count, seed: settings.seed)
        state = checkpoint?.state ?? RunState(total: steps)
        optimizer = AdamW(layout: layout, configuration: settings, updates: state.updates)
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
        guard checkpoint.configuration == settings, checkpoint.state.total == steps else {
            throw .changed("the configuration")
        }
    }

    /// The state after the last step; shares its matrices with the trainer.
    package var checkpoint: Checkpoint {
        Checkpoint(
            configuration: configuration, state: state, dataDigest: dataDigest, blocks: fingerprint,
            manifest: AdapterManifest(
                Adapter(base: base, configuration: configuration.lora, parameters: parameters)),
            parameters: parameters, moments: optimizer.moments, best: best)
    }
}
