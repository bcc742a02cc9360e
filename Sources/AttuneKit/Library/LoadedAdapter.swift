// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneVault

/// A version of an adapter, opened and ready to be applied.
package struct LoadedAdapter: Sendable {
    package let record: VersionRecord
    package let manifest: AdapterManifest
    package let adapter: Adapter

    /// `notes@3`
    package var label: String { record.reference.description }

    /// Passes only for the base that the adapter was trained on.
    ///
    /// - Throws: `KitError` `E-ADAPTER-020` naming both bases.
    package func check(against base: BaseRecord) throws {
        guard base.id == adapter.base.id else { throw KitError.otherBase(label, trainedOn: adapter.base, given: base) }
        guard base.shape == adapter.base.shape else { throw KitError.otherShape(than: base) }
    }
}

extension AdapterDifference {
    /// How two versions differ.
    ///
    /// - Throws: `KitError` `E-ADAPTER-023` for adapters of different bases.
    package init(between old: LoadedAdapter, and new: LoadedAdapter) throws {
        guard old.adapter.base.id == new.adapter.base.id,
            let difference = AdapterDifference(from: old.adapter, to: new.adapter)
        else { throw KitError.notComparable(old.label, new.label) }
        self = difference
    }
}
