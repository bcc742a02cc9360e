// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import AttuneTraining
import Foundation

/// A run that another trainer can repeat: the same rows in the same order, at the same rates, with the loss of each step.
package struct TrainingCurve: Encodable, Sendable {
    package let schema = 1
    package let work = "curve"
    package let level: String
    package let precision: Precision
    /// Largest global norm of the gradient.
    package let clip: Double
    package let weightDecay: Double
    package let steps: [Step]

    /// One step of the run.
    package struct Step: Encodable, Sendable {
        package let rate: Double
        /// Mean over the counted tokens, before the update.
        package let loss: Double
        package let rows: [Row]
    }

    /// One row of a step; `trained` tells which tokens are learned where they have a predecessor.
    package struct Row: Encodable, Sendable {
        package let tokens: [Int32]
        package let trained: [Bool]
    }
}

extension Benchmark {
    /// Trains `steps` steps on the files at `paths`, laid end to end and cut into rows, and writes the adapter it started
    /// from into `folder` as PEFT does.
    ///
    /// - Throws: `TrainingError` for data or settings that cannot be, `AdapterError` where `folder` cannot be written.
    package func curve(
        _ work: TrainingWork, steps: Int, data paths: [String], startingAdapterTo folder: URL
    ) throws -> TrainingCurve {
        let dataset = try Dataset.load(paths: paths)
        try dataset.requireUsable()
        var wishes = AutoSettings.Wishes()
        wishes.rank = work.rank
        wishes.batch = work.batch
        wishes.maxLength = work.maxLength
        wishes.precision = work.precision
        wishes.packing = .wrapped
        wishes.validationFraction = 0
        let material = TrainingMaterial(rows: dataset.rows, validation: 0, holdsStretch: false, model: model)
        var settings = try AutoSettings.choose(
            model: model, data: AutoSettings.DataSize(material.trainingExamples), wishes: wishes,
            machine: Machine.current().limited(to: work.memoryLimit)
        ).configuration
        let blocks = material.packed(settings, model: model).training.blocks.filter { $0.targetCount > 0 }
        settings.epochs = Double(steps * settings.batch) / Double(max(1, blocks.count))
        let task = TrainingTask(
            configuration: settings, training: blocks, validation: [], dataDigest: material.digest.description)
        let trainer = try Trainer(model: model, base: identity, tasks: [task])
        try PEFTFolder.write(
            Adapter.initialized(base: identity, configuration: settings.lora, seed: settings.seed), to: folder)

        var order = BlockOrder(count: blocks.count, seed: settings.seed)
        var curve: [TrainingCurve.Step] = []
        let observer = EventObserver { event, _ in
            guard case .step(let step) = event else { return }
            let rows = (0..<settings.batch).map { blocks[order.block(at: curve.count * settings.batch + $0)] }
            curve.append(
                TrainingCurve.Step(
                    rate: step.rate, loss: step.loss,
                    rows: rows.map { TrainingCurve.Row(tokens: $0.tokens, trained: $0.trained) }))
        }
        for outcome in try trainer.run(observer: observer) { if let failure = outcome.failure { throw failure } }
        return TrainingCurve(
            level: Kernels.level, precision: work.precision, clip: settings.clip, weightDecay: settings.weightDecay,
            steps: curve)
    }
}
