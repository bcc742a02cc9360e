// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneVault

/// The adapters of a store and their versions.
///
/// A reference is what a person types: `notes`, `notes@3`, `notes@-1` or `notes:label`. What names nothing throws
/// `VaultError` E-VAULT-020 or E-VAULT-023, what cannot be a reference E-VAULT-024, what cannot be a name E-VAULT-022.
package struct Adapters: Sendable {
    fileprivate let workspace: Workspace
    private var vault: Vault { workspace.vault }

    /// The adapter that a reference is about.
    package static func name(in reference: String) throws -> String { try VersionReference(reference).adapter }

    /// The heads of all adapters.
    package func list() throws -> [AdapterSummary] {
        try summaries(try vault.adapters.all().flatMap { try workspace.heads(of: $0.name).map(\.version) })
    }

    /// The heads of an adapter: one where all devices agree, several where two went on at once.
    package func heads(of name: String) throws -> [AdapterSummary] {
        try summaries(try workspace.heads(of: name).map(\.version))
    }

    /// The versions of an adapter.
    package func versions(of name: String) throws -> [AdapterSummary] {
        try summaries(try vault.versions.all(of: name))
    }

    private func summaries(_ records: [VersionRecord]) throws -> [AdapterSummary] {
        let bases = try workspace.bases.list()
        return try records.map { try AdapterSummary($0, bases: bases) }
    }

    /// Names of adapters that went on at several devices at once.
    package func withSeveralHeads() throws -> [String] { try vault.adapters.withSeveralHeads() }

    /// Groups of different adapters whose names look the same.
    package func lookAlikes() throws -> [[String]] {
        Dictionary(grouping: try vault.adapters.all().map(\.name), by: NameLook.init).values.filter { $0.count > 1 }
            .map { $0.sorted() }
    }

    /// A version and how it was trained.
    package func show(_ reference: String) throws -> AdapterDetail {
        let record = try vault.versions.fetch(reference)
        return AdapterDetail(
            adapter: try AdapterSummary(record, bases: try workspace.bases.list()),
            training: try Workspace.manifest(of: record).training)
    }

    /// How two versions differ.
    ///
    /// - Throws: `KitError` E-ADAPTER-023 for adapters of different bases.
    package func difference(_ old: String, _ new: String) throws -> AdapterChange {
        let (old, new) = (try workspace.load(old), try workspace.load(new))
        return AdapterChange(difference: try AdapterDifference(between: old, and: new))
    }

    /// Puts a label on a version.
    package func label(_ reference: String, as label: String) throws {
        try vault.versions.label(try VersionReference(reference), as: label)
    }

    /// Takes a label off the adapter that a reference is about.
    package func removeLabel(_ label: String, of reference: String) throws {
        try vault.versions.removeLabel(label, of: try VersionReference(reference).adapter)
    }

    /// Gives an adapter another name.
    package func rename(_ name: String, to other: String) throws { try vault.adapters.rename(name, to: other) }

    /// Copies a version under a new name.
    ///
    /// - Returns: the copy.
    package func copy(_ reference: String, to name: String) throws -> String {
        try vault.adapters.copy(try VersionReference(reference), to: name).reference.description
    }

    /// Points a name at an earlier version: the one that is named, or the one before the head.
    ///
    /// - Returns: where it points now.
    package func rollBack(_ reference: String) throws -> String {
        let parsed = try VersionReference(reference)
        let selector = parsed.selector == .head ? .back(1) : parsed.selector
        return try vault.adapters.rollback(parsed.adapter, to: selector).reference.description
    }

    /// Moves an adapter to the trash, or a version of it where one is named.
    package func trash(_ reference: String) throws {
        let parsed = try VersionReference(reference)
        if parsed.selector == .head {
            try vault.adapters.trash(parsed.adapter)
        } else {
            try vault.versions.trash(parsed)
        }
    }

    /// Takes an adapter or a version out of the trash.
    ///
    /// - Throws: `KitError` E-ADAPTER-025.
    package func restore(_ reference: String) throws {
        let kinds: Set<TrashEntry.Kind> = [.adapter, .version]
        guard let entry = try vault.trash.entries().last(where: { $0.name == reference && kinds.contains($0.kind) })
        else {
            throw KitError.notInTrash(reference)
        }
        try vault.trash.restore(entry)
    }

    /// Ends a choice between heads with one of them.
    ///
    /// - Returns: the version that the adapter goes on with.
    /// - Throws: `KitError` E-ADAPTER-026.
    package func resolve(_ name: String, choosing reference: String) throws -> String {
        try workspace.resolve(name, choosing: try VersionReference(reference)).reference.description
    }

    /// Ends a choice between heads with the one that had the lowest validation loss.
    ///
    /// - Returns: the version that the adapter goes on with.
    /// - Throws: `KitError` E-ADAPTER-026, E-ADAPTER-027.
    package func resolveForTraining(_ name: String) throws -> String {
        try workspace.resolveForTraining(name).reference.description
    }

    /// Adds versions of one base up to one, by weights.
    ///
    /// - Throws: as `Workspace.merge`.
    package func merge(
        _ references: [String], weights: [Double]?, into name: String, rank: Int?
    ) throws -> MergeOutcome {
        try workspace.merge(
            try references.map { try vault.versions.fetch($0) }, weights: weights, into: name, rank: rank)
    }
}

extension Workspace {
    package var adapters: Adapters { Adapters(workspace: self) }
}
