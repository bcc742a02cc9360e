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
        package let runID: String
        package let outcome: TrainingOutcome
        /// The new version; nil where the run was interrupted or nothing good came of it.
        package let version: VersionRecord?
        /// The most memory the process had, in bytes.
        package let peakMemory: Int
    }

    /// Trains; every loss goes into the vault, and so does the state at each validation and every five minutes.
    ///
    /// - Parameters:
    ///   - onRun: told each run's id as soon as it is known.
    ///   - onEvent: told what happens to the part of an index.
    /// - Returns: one result for each part.
    package func run(
        stop: StopFlag, timeLimit: Double? = nil, onRun: (String, Int) -> Void = { _, _ in },
        onEvent: (TrainingEvent, Int) -> Void
    ) throws -> [Result] {
        let vault = workspace.vault
        try begin()
        let ids = parts.compactMap(\.runID)
        for (index, id) in ids.enumerated() { onRun(id, index) }
        var curves = ids.map { RunCurve(vault: vault, run: $0) }
        var results: [Int: Result] = [:]
        do {
            try trainer.run(stop: stop, timeLimit: timeLimit) { event, index in
                curves[index].record(event)
                onEvent(event, index)
            } onCheckpoint: { checkpoint, index in
                try curves[index].flush()
                let content = BlobContent { sink in try checkpoint.write { try sink(.raw, $0) } }
                try vault.saveCheckpoint(content, step: checkpoint.state.step, ofRun: ids[index])
                try vault.updateRun(ids[index], step: checkpoint.state.step)
            } onOutcome: { outcome, index in
                try curves[index].flush()
                let version = try conclude(outcome, part: index, run: ids[index])
                results[index] = Result(
                    name: parts[index].name, runID: ids[index], outcome: outcome, version: version,
                    peakMemory: ProcessMemory.peak)
            }
            return parts.indices.compactMap { results[$0] }
        } catch {
            for index in parts.indices where results[index] == nil {
                _ = try? vault.updateRun(ids[index], state: .failed, detail: String(describing: error))
            }
            throw error
        }
    }

    private func conclude(_ outcome: TrainingOutcome, part: Int, run id: String) throws -> VersionRecord? {
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
                outcome.adapter,
                manifest: AdapterManifest(outcome.adapter, training: self.summary(summary, part: part, run: id)),
                as: parts[part].name, parents: parts[part].parents, run: id, rounding: true)
            let state: RunRecord.State =
                summary.reason == .timeLimit ? .interrupted : summary.reason == .diverged ? .failed : .finished
            try vault.updateRun(
                id, state: state, step: summary.steps, detail: outcome.failure?.message, version: version.id)
            if state == .finished { try vault.dropCheckpoint(ofRun: id) }
            return version
        }
    }

    private func summary(_ summary: TrainingOutcome.Summary, part index: Int, run id: String) -> TrainingSummary {
        let part = parts[index]
        return TrainingSummary(
            documents: part.material.rows.count, examples: part.material.trainingExamples.count,
            tokens: part.packed.training.tokens, steps: summary.keptStep, epochs: summary.epochs,
            seed: part.settings.training.seed, lossBefore: summary.baseLoss, lossAfter: summary.keptLoss,
            dataDigest: part.material.digest.description, runID: id, created: Date().timeIntervalSince1970)
    }
}

extension TrainingSession {
    /// Measures three training passes without changing anything, and how long the run will take from that.
    package func measure() throws -> TimeEstimate { trainer.measure(passes: 3) }
}
