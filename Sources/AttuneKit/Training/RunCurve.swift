// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTraining
import AttuneVault

/// Collects the points of a run's curve and writes them to the vault about once a second.
struct RunCurve {
    private let vault: Vault
    private let run: RunID
    private var pending: [RunPoint] = []
    private var written = ContinuousClock.now
    private var failure: (any Error)?

    init(vault: Vault, run: RunID) {
        self.vault = vault
        self.run = run
    }

    /// Takes the event's point, if it has one.
    mutating func record(_ event: TrainingEvent) {
        switch event {
        case .step(let report):
            pending.append(
                RunPoint(
                    kind: .train, step: report.step, loss: report.loss, rate: report.rate,
                    gradientNorm: report.gradientNorm, tokensPerSecond: report.tokensPerSecond))
        case .validation(let step, let loss, _, _):
            pending.append(RunPoint(kind: .validation, step: step, loss: loss))
        default: return
        }
        if ContinuousClock.now - written > .seconds(1) {
            do { try flush() } catch { failure = error }
        }
    }

    /// Writes what is pending.
    ///
    /// - Throws: also what an earlier write failed with.
    mutating func flush() throws {
        if let failure { throw failure }
        guard !pending.isEmpty else { return }
        try vault.runs.append(pending, to: run)
        pending = []
        written = .now
    }
}
