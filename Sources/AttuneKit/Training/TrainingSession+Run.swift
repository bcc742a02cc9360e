// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTraining
import AttuneVault
import Foundation

extension TrainingSession {
    /// What a run left behind.
    package struct Result: Sendable {
        /// Name of the adapter.
        package let name: String
        package let runID: RunID
        package let outcome: TrainingOutcome
        /// The new version; nil if the run was interrupted or nothing good came of it.
        package let version: VersionRecord?
        /// The most memory the process had, in bytes.
        package let peakMemory: Int
    }

    /// Trains; every loss goes into the vault, and so does the state at each validation and every five minutes.
    ///
    /// - Parameters:
    ///   - onRun: told of each part as soon as it has the id of its run.
    ///   - onEvent: told what happens to a part.
    /// - Returns: one result for each part.
    package func run(
        stop: StopFlag, timeLimit: Double? = nil, onRun: (Part) -> Void = { _ in },
        onEvent: @escaping (TrainingEvent, Part) -> Void
    ) throws -> [Result] {
        MemoryLimits.forgetPeak()
        try begin()
        for part in parts { onRun(part) }
        let recorder = RunRecorder(self, onEvent: onEvent)
        do {
            try trainer.run(stop: stop, timeLimit: timeLimit, observer: recorder)
            return recorder.results
        } catch {
            recorder.fail(error)
            throw error
        }
    }

    /// Keeps what a run leaves behind as a version, if there is anything to keep.
    fileprivate func conclude(_ outcome: TrainingOutcome, of part: Part, run id: RunID) throws -> VersionRecord? {
        let vault = workspace.vault
        let summary = outcome.summary
        switch summary.reason {
        case .interrupted:
            try vault.runs.update(id, state: .interrupted, step: summary.steps)
            return nil
        case .diverged where summary.keptStep == 0:
            try vault.runs.update(id, state: .failed, step: summary.steps, detail: outcome.failure?.message)
            return nil
        case .finished, .earlyStop, .timeLimit, .diverged:
            let version = try workspace.keep(
                outcome.adapter,
                manifest: AdapterManifest(outcome.adapter, training: self.summary(summary, of: part, run: id)),
                as: part.name, parents: part.parents, run: id, rounding: true)
            let state: RunRecord.State =
                summary.reason == .timeLimit ? .interrupted : summary.reason == .diverged ? .failed : .finished
            try vault.runs.update(
                id, state: state, step: summary.steps, detail: outcome.failure?.message, version: version.id)
            if state == .finished { try vault.runs.dropCheckpoint(of: id) }
            return version
        }
    }

    private func summary(_ summary: TrainingOutcome.Summary, of part: Part, run id: RunID) -> TrainingSummary {
        TrainingSummary(
            documents: part.material.rows.count, examples: part.material.trainingExamples.count,
            tokens: part.packed.training.tokens, steps: summary.keptStep, epochs: summary.epochs,
            seed: part.settings.training.seed, lossBefore: summary.baseLoss, lossAfter: summary.keptLoss,
            dataDigest: part.material.digest.description, runID: id, created: Date().timeIntervalSince1970)
    }

    /// Measures three training passes without changing anything, and how long the run will take from that.
    package func measure() -> TrainingTime { TrainingTime(estimate: trainer.measure(passes: 3)) }
}

/// Writes what happens to each adapter of a session into the vault, and tells of it.
private final class RunRecorder: TrainingObserver {
    private struct Record {
        let track: TrainingTrack
        let part: TrainingSession.Part
        let id: RunID
        var curve: RunCurve
        var result: TrainingSession.Result?
    }

    private let session: TrainingSession
    private let vault: Vault
    private let onEvent: (TrainingEvent, TrainingSession.Part) -> Void
    private var records: [Record]

    init(_ session: TrainingSession, onEvent: @escaping (TrainingEvent, TrainingSession.Part) -> Void) {
        let vault = session.workspace.vault
        self.session = session
        self.vault = vault
        self.onEvent = onEvent
        records = zip(session.trainer.tracks, session.parts).compactMap { track, part in
            part.runID.map { Record(track: track, part: part, id: $0, curve: RunCurve(vault: vault, run: $0)) }
        }
    }

    /// Of the adapters that are done.
    var results: [TrainingSession.Result] { records.compactMap(\.result) }

    /// Says of the others why they are not.
    func fail(_ error: any Error) {
        for record in records where record.result == nil {
            _ = try? vault.runs.update(record.id, state: .failed, detail: String(describing: error))
        }
    }

    private func change(_ track: TrainingTrack, _ body: (inout Record) throws -> Void) rethrows {
        for index in records.indices where records[index].track === track { try body(&records[index]) }
    }

    func note(_ event: TrainingEvent, of track: TrainingTrack) {
        change(track) { record in
            record.curve.record(event)
            onEvent(event, record.part)
        }
    }

    func save(_ checkpoint: Checkpoint, of track: TrainingTrack) throws {
        try change(track) { record in
            try record.curve.flush()
            let content = BlobContent { sink in try checkpoint.write { try sink(.raw, $0) } }
            try vault.runs.saveCheckpoint(content, step: checkpoint.state.step, of: record.id)
            try vault.runs.update(record.id, step: checkpoint.state.step)
        }
    }

    func conclude(_ outcome: TrainingOutcome, of track: TrainingTrack) throws {
        try change(track) { record in
            try record.curve.flush()
            record.result = TrainingSession.Result(
                name: record.part.name, runID: record.id, outcome: outcome,
                version: try session.conclude(outcome, of: record.part, run: record.id), peakMemory: MemoryLimits.peak()
            )
        }
    }
}
