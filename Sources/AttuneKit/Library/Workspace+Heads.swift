// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import AttuneVault

/// What came of merging versions of adapters.
package struct MergeOutcome: Sendable {
    package let version: VersionRecord
    /// Such as `notes@3`.
    package var reference: String { version.reference.description }
    /// What the lower rank cost: ‖merged − exact sum‖_F / ‖exact sum‖_F.
    package let relativeError: Double
}

extension Workspace {
    /// The heads of an adapter: one where all devices agree, several where two went on at once.
    ///
    /// - Throws: `VaultError` E-VAULT-020.
    package func heads(of name: String) throws -> [HeadRecord] { try vault.adapters.heads(of: name) }

    /// Ends a choice between heads with one of them; the others stay as versions.
    ///
    /// - Throws: `VaultError` E-VAULT-020, E-VAULT-023; `KitError` E-ADAPTER-026 if there is nothing to choose.
    package func resolve(_ name: String, choosing reference: VersionReference) throws -> VersionRecord {
        try requireSeveralHeads(name)
        return try vault.adapters.resolve(reference)
    }

    /// Ends a choice between heads with the one that had the lowest validation loss, for training on from it.
    ///
    /// The losses are those that each device measured on text of its own, so they hint and do not prove.
    ///
    /// - Throws: as `resolve(_:choosing:)`; E-ADAPTER-027 if no head was ever measured.
    package func resolveForTraining(_ name: String) throws -> VersionRecord {
        let heads = try requireSeveralHeads(name)
        let measured = heads.compactMap { head in head.version.lossAfter.map { ($0, head.version) } }
        guard let best = measured.min(by: { $0.0 < $1.0 }) else { throw KitError.noLosses(name) }
        return try vault.adapters.resolve(best.1.reference)
    }

    /// Ends a choice between heads with their exact weighted sum, brought back to a rank; the result follows all of
    /// them.
    ///
    /// - Parameters:
    ///   - weights: one for each head in the order of `heads(of:)`; equal ones that add up to 1 when nil.
    ///   - rank: of the result; the rank of the first head when nil.
    /// - Throws: as `resolve(_:choosing:)` and `merge`.
    package func resolve(_ name: String, merging weights: [Double]?, rank: Int? = nil) throws -> MergeOutcome {
        let heads = try requireSeveralHeads(name).map(\.version)
        return try merge(heads, weights: weights, into: name, rank: rank)
    }

    /// Keeps the weighted sum Σ wᵢ·ΔWᵢ of versions as a version of `name`.
    ///
    /// - Parameter weights: one for each; equal ones that add up to 1 when nil.
    /// - Throws: `AdapterError` E-ADAPTER-014 if they do not fit together; `KitError` E-ADAPTER-028 for another count of
    ///   weights; `VaultError` E-VAULT-041 if bytes are not here.
    package func merge(
        _ versions: [VersionRecord], weights: [Double]?, into name: String, rank: Int? = nil
    ) throws -> MergeOutcome {
        let weights = weights ?? versions.map { _ in 1 / Double(versions.count) }
        guard weights.count == versions.count else { throw KitError.weights(weights.count, versions: versions.count) }
        let parts = try zip(versions, weights).map { version, weight in
            AdapterMerge.Part(try load(version).adapter, weight: weight)
        }
        let merged = try AdapterMerge.merge(parts, rank: rank)
        let version = try keep(
            merged.adapter, manifest: AdapterManifest(merged.adapter), as: name, parents: versions.map(\.id))
        return MergeOutcome(version: version, relativeError: merged.relativeError)
    }

    @discardableResult
    private func requireSeveralHeads(_ name: String) throws -> [HeadRecord] {
        let heads = try vault.adapters.heads(of: name)
        guard heads.count > 1 else { throw KitError.oneHead(name) }
        return heads
    }
}
