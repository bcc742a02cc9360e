// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor

/// Trains one adapter, or several side by side: an explicit loop over steps, with all memory taken before the first.
///
/// The same base, blocks, configuration and start give the same bytes, for any count of threads, wherever the run was
/// interrupted, and whatever else is trained beside it. One trainer serves one thread at a time; nothing here belongs
/// on Swift's cooperative pool.
package final class Trainer {
    /// One for each adapter, in the order of the tasks.
    package let tracks: [TrainingTrack]
    let model: BaseModel
    let pass: LossPass<Float>
    let evaluators: [Evaluator]

    /// Takes all memory of the run.
    ///
    /// - Parameters:
    ///   - base: identity of `model`.
    ///   - tasks: at least one; all with the same precision.
    /// - Throws: `TrainingError` E-TRAIN-001, 002, 004, 007 or 008.
    package init(model: BaseModel, base: BaseIdentity, tasks: [TrainingTask]) throws(TrainingError) {
        precondition(!tasks.isEmpty, "nothing to train")
        var tracks: [TrainingTrack] = []
        for task in tasks { tracks.append(try TrainingTrack(task, model: model, base: base)) }
        guard Set(tracks.map(\.configuration.precision)).count == 1 else {
            throw .setting("precision", "must be the same for adapters that are trained together")
        }
        guard Set(tracks.map(\.layout)).count == 1 else {
            throw .setting("rank", "must be the same for adapters that are trained together")
        }
        pass = LossPass(
            model: model, layouts: tracks.map(\.layout), settings: .shared(tracks),
            chunk: MemoryPlan.chunk(vocabulary: model.head.rows))
        let pass = self.pass
        evaluators = tracks.map {
            Evaluator(model: model, pass: pass, blocks: $0.validation, batch: $0.configuration.passBlocks)
        }
        self.model = model
        self.tracks = tracks
    }
}
