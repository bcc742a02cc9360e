// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTraining
import AttuneVault
import Foundation

/// Training of one adapter, or of several in the same passes, from the data to new versions in the vault.
///
/// `prepare` or `resume` plan it and take its memory; `run` does it, and keeps a record, a curve and checkpoints of each
/// adapter. Each run can be gone on with by itself.
package final class TrainingSession {
    package let base: BaseRecord
    /// In the order of the request.
    package internal(set) var parts: [Part]
    package let memory: MemoryPlan
    /// nil if no layer lies below those that are adapted.
    package let trunk: TrunkPlan?

    let workspace: Workspace
    let trainer: Trainer

    private init(
        workspace: Workspace, base: BaseRecord, model: BaseModel, parts: [Part], machine: Machine, use: MemoryUse,
        trunkCache: Int? = nil
    ) throws {
        self.workspace = workspace
        self.base = base
        self.parts = parts
        for part in parts { try part.packed.training.requireRow(of: part.settings.training.maxLength) }
        trainer = try Trainer(model: model, base: base.identity, tasks: parts.map(\.task))
        memory = MemoryPlan(model: model, trainer: trainer, machine: machine, residentWeights: use.weights)
        model.residency.limit(to: use)
        let folder = workspace.paths.store.path
        trunk = TrunkPlan(trainer, free: Vault.freeBytes(at: folder), limit: trunkCache)?.applied(
            to: trainer, in: folder)
    }

    /// Plans new runs.
    ///
    /// - Parameter onData: told of the data of each adapter.
    /// - Throws: `TrainingError` for data that cannot be used (`onData` was told all of it) or that does not fit.
    package static func prepare(
        _ request: TrainingRequest, in workspace: Workspace, onData: (DataFindings) -> Void = { _ in }
    ) throws -> TrainingSession {
        let datasets = try request.adapters.map { adapter in
            let dataset = try Dataset.load(paths: adapter.paths, options: DatasetOptions(skipBad: request.skipBad))
            onData(DataFindings(dataset))
            try dataset.requireUsable()
            return dataset
        }
        let starts = try request.adapters.map { try $0.from.map { try workspace.load($0) } }
        let start = starts.compactMap { $0 }.first
        let base =
            try request.base.map { try workspace.bases.find($0) }
            ?? start.map { try workspace.bases.find($0.adapter.base) } ?? workspace.bases.chosen(nil)
        for start in starts { try start?.check(against: base) }
        for adapter in request.adapters { try workspace.checkName(adapter.name, fits: base.identity) }
        let model = try workspace.bases.open(base)
        let machine = Machine.current().limited(to: request.memoryLimit)
        var use = MemoryUse(weights: nil, of: model, free: machine.limits.free)
        let parts = try request.adapters.indices.map { index in
            let start = starts[index]
            var wishes = request.wishes
            if let layers = request.layers { wishes.layers = try layers.layers(of: model.shape.layers) }
            if let start {
                wishes.rank = start.adapter.configuration.rank
                wishes.alpha = start.adapter.configuration.alpha
                wishes.modules = start.adapter.configuration.modules
                wishes.layers = start.adapter.configuration.layers
            }
            let fraction = wishes.validationFraction ?? TrainingConfiguration.standardValidation
            let material = TrainingMaterial(
                rows: datasets[index].rows, validation: fraction, holdsStretch: true, model: model)
            let chosen = try AutoSettings.choose(
                model: model, data: AutoSettings.DataSize(material.trainingExamples), wishes: wishes,
                machine: machine, adapters: request.adapters.count)
            if chosen.memory.weights != nil { use = chosen.memory }
            return Part(
                name: request.adapters[index].name, base: base, model: model, material: material,
                configuration: chosen.configuration, reasons: chosen.reasons, start: start,
                paths: request.adapters[index].paths, memoryLimit: machine.limits.asked)
        }
        return try TrainingSession(
            workspace: workspace, base: base, model: model, parts: parts, machine: machine, use: use,
            trunkCache: request.trunkCache)
    }

    /// Takes up interrupted runs where their last checkpoints left them; several go on in the same passes.
    ///
    /// - Throws: `VaultError` where there is no such run, `KitError` `E-RUN-001` if it is done, `E-RUN-003` for runs
    ///   that have nothing in common.
    package static func resume(_ ids: [RunID], in workspace: Workspace) throws -> TrainingSession {
        let vault = workspace.vault
        try vault.runs.interruptAbandoned()
        let runs = try ids.map { try vault.runs.fetch($0) }
        for run in runs where run.state != .interrupted && run.state != .failed { throw KitError.notResumable(run) }
        let settings = try runs.map { try RunSettings(decoding: $0.configuration) }
        guard Set(runs.map(\.id)).count == runs.count, Set(runs.map(\.adapter)).count == runs.count,
            Set(runs.map(\.base)).count == 1, Set(settings.map(\.training.precision)).count == 1
        else { throw KitError.runsApart(ids) }
        guard let base = try workspace.bases.list().first(where: { $0.id == runs[0].base }) else {
            throw KitError.noBase(settings[0].baseName, known: [])
        }
        let model = try workspace.bases.open(base)
        let machine = Machine.current().limited(to: settings.compactMap(\.memoryLimit).min())
        var use = MemoryUse(weights: nil, of: model, free: machine.limits.free)
        let parts = try zip(runs, settings).map { run, settings in
            let rows = try vault.runs.documents(of: run.id).map {
                try StoredRow(decoding: try vault.documents.text(of: $0.digest)).row
            }
            let checkpoint = try vault.runs.loadCheckpoint(of: run.id).map { saved in
                try saved.bytes.withUnsafeBytes { try Checkpoint(encoded: $0) }
            }
            let start = try settings.start.map { try workspace.load(try vault.versions.fetch(id: $0)) }
            // The memory may be another than when the run began; the passes stay, for the same bytes.
            let (configuration, plan) = MemoryPlan.fastest(
                model: model, layout: checkpoint?.parameters.layout ?? start?.adapter.layout,
                configuration: settings.training, longest: settings.training.maxLength, machine: machine,
                adapters: runs.count, fixedPasses: true)
            if plan.residentWeights != nil { use = plan.use(of: model) }
            return Part(
                name: run.adapter, base: base, model: model,
                material: TrainingMaterial(
                    rows: rows, validation: settings.training.validationFraction,
                    holdsStretch: settings.holdsStretch ?? false, model: model),
                configuration: configuration, start: start, paths: settings.paths, memoryLimit: machine.limits.asked,
                checkpoint: checkpoint, runID: run.id)
        }
        return try TrainingSession(
            workspace: workspace, base: base, model: model, parts: parts, machine: machine, use: use)
    }

    /// What the trainer made of the settings of a part.
    package func track(_ part: Int) -> TrainingTrack { trainer.tracks[part] }

    /// Lets other processes change the store until a new run begins; one that is taken up again stays protected.
    package func yieldStore() {
        if parts.allSatisfy({ $0.runID == nil }) { workspace.vault.yieldLock() }
    }

    /// Makes the record of each run with everything it is trained on, or marks a resumed one as running.
    func begin() throws {
        let vault = workspace.vault
        if parts.contains(where: { $0.runID == nil }) { try vault.runs.interruptAbandoned() }
        for index in parts.indices {
            let part = parts[index]
            if let runID = part.runID {
                try vault.runs.update(runID, state: .running)
                try vault.runs.forgetPoints(after: part.checkpoint?.state.step ?? 0, of: runID)
                continue
            }
            let documents = try vault.documents.put(
                part.material.rows.map { (name: $0.source.description, text: try StoredRow($0).encoded()) })
            let run = try vault.runs.create(
                adapter: part.name, configuration: try part.settings.encoded(), base: base.id,
                data: part.material.digest, steps: track(index).outline.steps, documents: documents.map(\.digest))
            parts[index].runID = run.id
        }
    }
}
