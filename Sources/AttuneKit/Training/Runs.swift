// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneVault

/// The training runs of a store.
///
/// What names a run that is not there throws `VaultError` E-VAULT-030.
package struct Runs: Sendable {
    fileprivate let workspace: Workspace
    private var vault: Vault { workspace.vault }

    /// All that are not in the trash.
    package func list() throws -> [RunSummary] {
        let runs = Self.current(try vault.runs.all(), in: vault)
        return try runs.map { RunSummary($0, points: try vault.runs.points(of: $0.id)) }
    }

    /// A run with its settings and its curve.
    package func show(_ id: RunID) throws -> RunDetail {
        try RunDetail(try fetch(id), points: try vault.runs.points(of: id))
    }

    /// Two runs, and how their settings differ.
    package func compare(_ first: RunID, _ second: RunID) throws -> RunComparison {
        let runs = [try fetch(first), try fetch(second)]
        return try RunComparison(
            (runs[0], try vault.runs.points(of: runs[0].id)), (runs[1], try vault.runs.points(of: runs[1].id)))
    }

    /// Keeps the best state that an interrupted run had reached.
    ///
    /// - Returns: the version, such as `notes@3`.
    /// - Throws: `KitError` E-RUN-001, E-RUN-002.
    package func accept(_ id: RunID) throws -> String { try workspace.accept(run: id).reference.description }

    private func fetch(_ id: RunID) throws -> RunRecord { Self.current([try vault.runs.fetch(id)], in: vault)[0] }

    /// The runs as they stand: one whose process ended without a word is interrupted, whatever the store says.
    ///
    /// A training keeps the store's lock to its end.
    static func current(_ runs: [RunRecord], in vault: Vault) -> [RunRecord] {
        guard runs.contains(where: { $0.state == .running }), !vault.isChangedElsewhere else { return runs }
        return runs.map { $0.state == .running ? $0.inState(.interrupted) : $0 }
    }

    /// Those that can go on, the newest last.
    package func interrupted() throws -> [RunID] {
        Self.current(try vault.runs.all(), in: vault).filter { $0.state == .interrupted }.map(\.id)
    }

    /// Moves a run to the trash.
    package func trash(_ id: RunID) throws { try vault.runs.trash(id) }
}

extension Workspace {
    package var runs: Runs { Runs(workspace: self) }
}
