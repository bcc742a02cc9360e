// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneCrypto
import AttuneTraining
import AttuneVault
import Foundation

/// An open store together with the bases of this machine: what every use case works on.
package final class Workspace: Sendable {
    package let paths: Paths
    package let vault: Vault
    package let bases: BaseLibrary

    package init(paths: Paths, vault: Vault) {
        self.paths = paths
        self.vault = vault
        bases = BaseLibrary(folder: paths.bases)
    }

    /// Opens the store with the passphrase that `key` finds.
    ///
    /// - Parameters:
    ///   - accepting: true if the database is taken as it is, also if it is older than the store's newest change.
    ///   - freeing: true for changes that let go of what is stored, which a full disk must not keep from happening.
    /// - Throws: `VaultError` where there is no store or it is in use, `CryptoError` for a wrong passphrase.
    package static func open(
        _ paths: Paths, key: KeySource, mode: Vault.Mode, accepting: Bool = false, freeing: Bool = false
    ) throws -> Workspace {
        let path = paths.store.path
        let passphrase = try key.passphrase(vaultID: try Vault.keyFile(at: path).vaultID)
        let workspace = Workspace(
            paths: paths,
            vault: try Vault.open(
                at: path, passphrase: passphrase, mode: mode, accepting: accepting, freeing: freeing))
        try workspace.settleWords()
        return workspace
    }

    /// Opens a version of an adapter, as `notes`, `notes@3`, `notes@-1` or `notes:label`.
    package func load(_ reference: String) throws -> LoadedAdapter { try load(try vault.version(reference)) }

    /// Opens a version of an adapter.
    ///
    /// - Throws: `KitError` E-MEMORY-004 if its bytes are on another device and more than what is fetched by itself.
    package func load(_ record: VersionRecord) throws -> LoadedAdapter {
        if record.state == .remote {
            let largest = try vault.largestFetched()
            if record.size > largest { throw KitError.tooLargeToFetch(record, largest: largest) }
        }
        let manifest = try Self.manifest(of: record)
        let adapter = try vault.versionBytes(of: record).withUnsafeBytes {
            try Adapter(encoded: $0, manifest: manifest)
        }
        if record.state == .arrived { try Self.check(adapter, manifest) }
        return LoadedAdapter(record: record, manifest: manifest, adapter: adapter)
    }

    /// What a version says about itself, without its tensors.
    package static func manifest(of record: VersionRecord) throws -> AdapterManifest {
        do {
            return try JSONDecoder().decode(AdapterManifest.self, from: Data(record.manifest.utf8))
        } catch {
            throw KitError.unreadableManifest(record.reference.description, cause: error)
        }
    }

    /// Keeps an adapter as a new version of `name`.
    ///
    /// - Parameter rounding: whether numbers become bfloat16, as those of what was trained or merged here do: half the
    ///   bytes, and errors of 2⁻⁹ of each number. What people bring stays as it is.
    /// - Throws: `KitError` `E-ADAPTER-021` where the name belongs to an adapter of another base.
    @discardableResult
    package func keep(
        _ adapter: Adapter, manifest: AdapterManifest, as name: String, parents: [Digest256] = [], run: String? = nil,
        rounding: Bool = false
    ) throws -> VersionRecord {
        try checkName(name, fits: adapter.base)
        return try vault.addVersion(
            to: name, base: adapter.base.id,
            NewVersion(
                manifest: try JSON.stored(manifest), content: adapter.content(rounding: rounding), parents: parents,
                run: run,
                lossBefore: manifest.training?.lossBefore, lossAfter: manifest.training?.lossAfter))
    }

    /// Passes where `name` is free or belongs to an adapter of this base.
    ///
    /// - Throws: `KitError` `E-ADAPTER-021`.
    func checkName(_ name: String, fits base: BaseIdentity) throws {
        guard let present = try vault.adapters().first(where: { $0.name == name }), present.base != base.id else {
            return
        }
        throw KitError.nameOfOtherBase(
            name, has: try present.head.map { try Self.manifest(of: $0).base }, given: base)
    }

    /// Keeps what an interrupted run had reached as a version.
    ///
    /// - Throws: `KitError` `E-RUN-001`, `E-RUN-002`.
    package func accept(run id: String) throws -> VersionRecord {
        try vault.interruptAbandonedRuns()
        let run = try vault.run(id)
        guard run.state == .interrupted || run.state == .failed else { throw KitError.notResumable(run) }
        guard let saved = try vault.loadCheckpoint(ofRun: id) else { throw KitError.noCheckpoint(id) }
        let checkpoint = try saved.bytes.withUnsafeBytes { try Checkpoint(encoded: $0) }
        let adapter = checkpoint.adapter
        let documents = try vault.documents(ofRun: id).count
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
        try vault.updateRun(id, state: .accepted, version: version.id)
        return version
    }

    /// The name of the only adapter.
    ///
    /// - Throws: `KitError` `E-ADAPTER-024` where there is none or several.
    package func onlyAdapter() throws -> String {
        let names = try vault.adapters().map(\.name)
        guard let only = names.first, names.count == 1 else { throw KitError.severalAdapters(names) }
        return only
    }
}
