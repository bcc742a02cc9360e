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
        package let runID: String
        package let outcome: TrainingOutcome
        /// The new version; nil where the run was interrupted or nothing good came of it.
        package let version: VersionRecord?
        /// The most memory the process had, in bytes.
        package let peakMemory: Int
    }

    /// Trains; every loss goes into the vault, and so does the state at each validation and every five minutes.
    ///
    /// - Parameter onRun: Told the run's id as soon as it is known.
    package func run(
        stop: StopFlag, timeLimit: Double? = nil, onRun: (String) -> Void = { _ in },
        onEvent: (TrainingEvent) -> Void
    ) throws -> Result {
        let vault = workspace.vault
        let id = try begin()
        onRun(id)
        var curve = RunCurve(vault: vault, run: id)
        do {
            let outcome = try trainer.run(stop: stop, timeLimit: timeLimit) { event in
                curve.record(event)
                onEvent(event)
            } onCheckpoint: { checkpoint in
                try curve.flush()
                try vault.saveCheckpoint(try checkpoint.encoded(), step: checkpoint.state.step, ofRun: id)
                try vault.updateRun(id, step: checkpoint.state.step)
            }
            try curve.flush()
            let version = try conclude(outcome, run: id)
            return Result(runID: id, outcome: outcome, version: version, peakMemory: ProcessMemory.peak)
        } catch {
            _ = try? vault.updateRun(id, state: .failed, detail: String(describing: error))
            throw error
        }
    }

    private func conclude(_ outcome: TrainingOutcome, run id: String) throws -> VersionRecord? {
        let vault = workspace.vault
        let summary = outcome.summary
        switch summary.reason {
        case .interrupted:
            try vault.updateRun(id, state: .interrupted, step: summary.steps)
            return nil
        case .diverged where summary.keptStep == 0:
            try vault.updateRun(id, state: .failed, step: summary.steps, detail: outcome.failure?.message)
            return nil
        case .finished, .earlyStop, .timeLimit, .diverged:
            let version = try workspace.keep(
                outcome.adapter, manifest: AdapterManifest(outcome.adapter, training: self.summary(summary, run: id)),
                as: name, parents: parents, run: id)
            let state: RunRecord.State =
                summary.reason == .timeLimit ? .interrupted : summary.reason == .diverged ? .failed : .finished
            try vault.updateRun(
                id, state: state, step: summary.steps, detail: outcome.failure?.message, version: version.id)
            if state == .finished { try vault.dropCheckpoint(ofRun: id) }
            return version
        }
    }

    private func summary(_ summary: TrainingOutcome.Summary, run id: String) -> TrainingSummary {
        TrainingSummary(
            documents: material.rows.count, examples: material.trainingExamples.count,
            tokens: packed.training.tokens, steps: summary.keptStep, epochs: summary.epochs,
            seed: configuration.seed, lossBefore: summary.baseLoss, lossAfter: summary.keptLoss,
            dataDigest: material.digest.description, runID: id, created: Date().timeIntervalSince1970)
    }
}

extension TrainingSession {
    /// Measures three training passes without changing anything, and how long the run will take from that.
    package func measure() throws -> TimeEstimate { trainer.measure(passes: 3) }
}
