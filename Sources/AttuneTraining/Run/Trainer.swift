// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor

/// Trains one adapter, or several side by side: an explicit loop over steps, with all memory taken before the first.
///
/// The same base, blocks, configuration and start give the same bytes, for any count of threads and wherever the run
/// was interrupted; beside others only the order of some sums is another. One trainer serves one thread at a time;
/// nothing here belongs on Swift's cooperative pool.
package final class Trainer {
    /// One for each adapter, in the order of the tasks.
    package let tracks: [TrainingTrack]
    let model: BaseModel
    let pass: LossPass<Float>

    /// Takes all memory of the run.
    ///
    /// - Parameters:
    ///   - base: identity of `model`.
    ///   - tasks: at least one; all with the same precision.
    /// - Throws: `TrainingError` E-TRAIN-001, 002, 004, 007 or 008.
    package init(model: BaseModel, base: BaseIdentity, tasks: [TrainingTask]) throws(TrainingError) {
        precondition(!tasks.isEmpty, "nothing to train")
        var tracks: [TrainingTrack] = []
        for task in tasks {
            tracks.append(
                try TrainingTrack(task, model: model, base: base, number: tracks.last?.numbers.upperBound ?? 0))
        }
        guard Set(tracks.map(\.configuration.precision)).count == 1 else {
            throw .setting(
                TrainingSettings.table.precision.name, "must be the same for adapters that are trained together")
        }
        pass = LossPass(
            model: model, layouts: tracks.map(\.layout), settings: .shared(tracks),
            chunk: ChunkedCrossEntropy<Float>.chunk(vocabulary: model.head.rows))
        self.model = model
        self.tracks = tracks
    }

    /// Runs until every adapter has taken its last step, or until something ends the run before.
    ///
    /// - Parameters:
    ///   - stop: checked after every step and between the batches of a validation.
    ///   - timeLimit: seconds after which no further step begins.
    ///   - checkpointInterval: seconds after which the state is handed over even without a validation.
    ///   - observer: told of everything on this thread.
    /// - Returns: the outcomes in the order of the tasks.
    @discardableResult
    package func run(
        stop: StopFlag = StopFlag(), timeLimit: Double? = nil, checkpointInterval: Double = 300,
        observer: any TrainingObserver = EventObserver { _, _ in }
    ) throws -> [TrainingOutcome] {
        var sitting = TrainingSitting(
            of: self, observer: observer, stop: stop, timeLimit: timeLimit, checkpointInterval: checkpointInterval)
        try sitting.run()
        return tracks.compactMap(\.outcome)
    }
}

extension MemoryPlan {
    /// The plan of a trainer as it is.
    package init(model: BaseModel, trainer: Trainer, machine: Machine, residentWeights: Int? = nil) {
        let tracks = trainer.tracks.sorted { $0.passTokens > $1.passTokens }
        self.init(
            model: model, layout: tracks[0].layout, configuration: tracks[0].configuration,
            longest: tracks[0].longest, others: tracks.dropFirst().map { ($0.layout, $0.configuration) },
            machine: machine, residentWeights: residentWeights)
    }
}
