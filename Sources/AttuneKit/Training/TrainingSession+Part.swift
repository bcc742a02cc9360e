// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTraining
import AttuneVault

extension TrainingSession {
    /// One adapter of a session, and its run.
    package struct Part {
        package let name: String
        package let material: TrainingMaterial
        package let packed: (training: PackedBlocks, validation: PackedBlocks)
        /// Why the settings are what they are; empty for a resumed run.
        package let reasons: [AutoSettings.Reason]
        /// The run's id; nil until `run` made its record.
        package internal(set) var runID: RunID?
        let settings: RunSettings
        let start: LoadedAdapter?
        let checkpoint: Checkpoint?

        init(
            name: String, base: BaseRecord, model: BaseModel, material: TrainingMaterial,
            configuration: TrainingConfiguration, reasons: [AutoSettings.Reason] = [], start: LoadedAdapter?,
            paths: [String], memoryLimit: Int?, checkpoint: Checkpoint? = nil, runID: RunID? = nil
        ) {
            self.name = name
            self.material = material
            self.reasons = reasons
            self.runID = runID
            self.start = start
            self.checkpoint = checkpoint
            packed = material.packed(configuration, model: model)
            settings = RunSettings(
                training: configuration, baseName: base.name, start: start?.record.id, paths: paths,
                memoryLimit: memoryLimit, holdsStretch: material.holdsStretch)
        }

        /// The version it goes on from.
        var parents: [VersionID] { start.map { [$0.record.id] } ?? [] }

        var task: TrainingTask {
            TrainingTask(
                configuration: settings.training, training: packed.training.blocks,
                validation: packed.validation.blocks, dataDigest: material.digest.description, start: start?.adapter,
                checkpoint: checkpoint)
        }
    }
}
