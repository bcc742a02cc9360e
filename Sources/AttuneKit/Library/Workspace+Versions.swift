// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneVault
import Foundation

extension Workspace {
    /// Opens a version of an adapter, as `notes`, `notes@3`, `notes@-1` or `notes:label`.
    package func load(_ reference: String) throws -> LoadedAdapter { try load(try vault.versions.fetch(reference)) }

    /// Opens a version of an adapter.
    ///
    /// - Throws: `KitError` E-MEMORY-004 if its bytes are on another device and more than what is fetched by itself.
    package func load(_ record: VersionRecord) throws -> LoadedAdapter {
        if record.state == .remote {
            let largest = try vault.pins.largestFetched()
            if record.size > largest { throw KitError.tooLargeToFetch(record, largest: largest) }
        }
        let manifest = try Self.manifest(of: record)
        let adapter = try vault.versions.bytes(of: record).withUnsafeBytes {
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
    /// - Throws: `KitError` `E-ADAPTER-021` if the name belongs to an adapter of another base.
    @discardableResult
    package func keep(
        _ adapter: Adapter, manifest: AdapterManifest, as name: String, parents: [VersionID] = [], run: RunID? = nil,
        rounding: Bool = false
    ) throws -> VersionRecord {
        try checkName(name, fits: adapter.base)
        return try vault.versions.add(
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
        guard let present = try vault.adapters.all().first(where: { $0.name == name }), present.base != base.id else {
            return
        }
        throw KitError.nameOfOtherBase(
            name, has: try present.head.map { try Self.manifest(of: $0).base }, given: base)
    }

    /// The name of the only adapter.
    ///
    /// - Throws: `KitError` `E-ADAPTER-024` if there is none or several.
    package func onlyAdapter() throws -> String {
        let names = try vault.adapters.all().map(\.name)
        guard let only = names.first, names.count == 1 else { throw KitError.severalAdapters(names) }
        return only
    }
}
