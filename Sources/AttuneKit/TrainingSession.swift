// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTraining
import AttuneVault

/// One run of training, from the data to a new version in the vault.
///
/// `prepare` or `resume` plan it and take its memory; `run` does it, and keeps a record, a curve and checkpoints.
package final class TrainingSession {
    package let name: String
    package let base: BaseRecord
    package let material: TrainingMaterial
    package let configuration: TrainingConfiguration
    /// Why the settings are what they are; empty for a resumed run.
    package let reasons: [AutoSettings.Reason]
    package let memory: MemoryPlan
    package let packed: (training: PackedBlocks, validation: PackedBlocks)
    /// The run's id; nil until `run` made its record.
    package private(set) var runID: String?

    let workspace: Workspace
    let trainer: Trainer
    let settings: RunSettings
    let parents: [Digest256]

    private init(
        workspace: Workspace, name: String, base: BaseRecord, model: BaseModel, material: TrainingMaterial,
        configuration: TrainingConfiguration, reasons: [AutoSettings.Reason], limits: MemoryLimits,
        start: LoadedAdapter?, paths: [String], checkpoint: Checkpoint? = nil, runID: String? = nil
    ) throws {
        self.workspace = workspace
        self.name = name
        self.base = base
        self.material = material
        self.reasons = reasons
        self.runID = runID
        packed = material.packed(configuration, model: model)
        trainer = try Trainer(
            model: model, base: base.identity, configuration: configuration, training: packed.training.blocks,
            validation: packed.validation.blocks, dataDigest: material.digest.description, start: start?.adapter,
            checkpoint: checkpoint)
        self.configuration = trainer.configuration
        let longest = (packed.training.blocks + packed.validation.blocks).map(\.tokens.count).max() ?? 0
        memory = MemoryPlan(
            model: model, layout: trainer.layout, configuration: trainer.configuration, longest: longest,
            limits: limits)
        parents = start.map { [$0.record.id] } ?? []
        settings = RunSettings(
            training: configuration, baseName: base.name, start: start?.record.id, paths: paths)
    }

    /// Plans a new run.
    ///
    /// - Throws: `TrainingError` for data that cannot be used (`onData` was told all of it) or that does not fit.
    package static func prepare(
        _ request: TrainingRequest, in workspace: Workspace, onData: (Dataset) -> Void = { _ in }
    ) throws -> TrainingSession {
        let dataset = try Dataset.load(paths: request.paths, options: DatasetOptions(skipBad: request.skipBad))
        onData(dataset)
        try dataset.requireUsable()
        let start = try request.from.map { try workspace.load($0) }
        let base =
            try request.base.map { try workspace.bases.find($0) }
            ?? start.map { try workspace.bases.find($0.adapter.base) } ?? workspace.bases.chosen(nil)
        try start?.check(against: base)
        try workspace.checkName(request.name, fits: base.identity)
        let model = try workspace.bases.open(base)

        var wishes = request.wishes
        if let layers = request.layers { wishes.layers = try layers.layers(of: model.shape.layers) }
        if let start {
            wishes.rank = start.adapter.configuration.rank
            wishes.alpha = start.adapter.configuration.alpha
            wishes.modules = start.adapter.configuration.modules
            wishes.layers = start.adapter.configuration.layers
        }
        let fraction = wishes.validationFraction ?? TrainingConfiguration.standardValidation
        let material = TrainingMaterial(rows: dataset.rows, validation: fraction, model: model)
        let limits = MemoryLimits.current().limited(to: request.memoryLimit)
        let chosen = try AutoSettings.choose(
            model: model, data: AutoSettings.DataSize(material.trainingExamples), wishes: wishes, limits: limits)
        return try TrainingSession(
            workspace: workspace, name: request.name, base: base, model: model, material: material,
            configuration: chosen.configuration, reasons: chosen.reasons, limits: limits, start: start,
            paths: request.paths)
    }

    /// Takes up an interrupted run where its last checkpoint left it.
    ///
    /// - Throws: `VaultError` where there is no such run, `KitError` `E-RUN-001` where it is done.
    package static func resume(_ id: String, in workspace: Workspace) throws -> TrainingSession {
        try workspace.vault.interruptAbandonedRuns()
        let run = try workspace.vault.run(id)
        guard run.state == .interrupted || run.state == .failed else { throw KitError.notResumable(run) }
        let settings = try RunSettings(decoding: run.configuration)
        guard let base = try workspace.bases.list().first(where: { $0.id == run.base }) else {
            throw KitError.noBase(settings.baseName, known: [])
        }
        let rows = try workspace.vault.documents(ofRun: id).map {
            try StoredRow(decoding: try workspace.vault.documentText($0.digest)).row
        }
        let model = try workspace.bases.open(base)
        let start = try settings.start.map { try workspace.load(try workspace.vault.version(id: $0)) }
        let checkpoint = try workspace.vault.loadCheckpoint(ofRun: id).map { saved in
            try saved.bytes.withUnsafeBytes { try Checkpoint(encoded: $0) }
        }
        return try TrainingSession(
            workspace: workspace, name: run.adapter, base: base, model: model,
            material: TrainingMaterial(rows: rows, validation: settings.training.validationFraction, model: model),
            configuration: settings.training, reasons: [], limits: .current(), start: start, paths: settings.paths,
            checkpoint: checkpoint, runID: id)
    }

    package var outline: TrainingOutline { trainer.outline }

    /// Lets other processes change the store until a new run begins; one that is taken up again stays protected.
    package func yieldStore() {
        if runID == nil { workspace.vault.yieldLock() }
    }

    /// Makes the run's record with everything it is trained on, or marks a resumed one as running.
    func begin() throws -> String {
        let vault = workspace.vault
        if let runID {
            try vault.updateRun(runID, state: .running)
            return runID
        }
        try vault.interruptAbandonedRuns()
        let documents = try vault.putDocuments(
            material.rows.map { (name: $0.source.description, text: try StoredRow($0).encoded()) })
        let run = try vault.createRun(
            adapter: name, configuration: try settings.encoded(), base: base.id, data: material.digest,
            steps: outline.steps, documents: documents.map(\.digest))
        runID = run.id
        return run.id
    }
}
