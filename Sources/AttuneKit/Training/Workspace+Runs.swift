// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTraining
import AttuneVault
import Foundation

extension Workspace {
    /// Keeps what an interrupted run had reached as a version.
    ///
    /// - Throws: `KitError` `E-RUN-001`, `E-RUN-002`.
    package func accept(run id: RunID) throws -> VersionRecord {
        try vault.runs.interruptAbandoned()
        let run = try vault.runs.fetch(id)
        guard run.state == .interrupted || run.state == .failed else { throw KitError.notResumable(run) }
        guard let saved = try vault.runs.loadCheckpoint(of: id) else { throw KitError.noCheckpoint(id) }
        let checkpoint = try saved.bytes.withUnsafeBytes { try Checkpoint(encoded: $0) }
        let adapter = checkpoint.adapter
        let documents = try vault.runs.documents(of: id).count
        let summary = TrainingSummary(
            documents: documents, examples: documents, tokens: 0, steps: checkpoint.state.bestStep,
            epochs: checkpoint.configuration.epochs * Double(checkpoint.state.step) / Double(checkpoint.state.total),
            seed: checkpoint.configuration.seed, lossBefore: checkpoint.state.baseLoss,
            lossAfter: checkpoint.state.bestLoss, dataDigest: checkpoint.dataDigest, runID: id,
            created: Date().timeIntervalSince1970)
        let settings = try RunSettings(decoding: run.configuration)
        let version = try keep(
            adapter, manifest: AdapterManifest(adapter, training: summary), as: run.adapter,
            parents: settings.start.map { [$0] } ?? [], run: id, rounding: true)
        try vault.runs.update(id, state: .accepted, version: version.id)
        return version
    }
}
