// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel

/// Who answers: a base, alone or with an adapter of it.
package struct AnswerSource: Sendable {
    package let base: BaseRecord
    /// `notes@3`; nil for the base alone.
    package let adapter: String?
    let model: BaseModel
    let adapters: [AppliedAdapter]

    /// Opens a base alone.
    ///
    /// - Parameter base: nil for the one that is meant where none is named.
    /// - Throws: `KitError` E-BASE-001, E-BASE-012.
    package init(base: String?, of library: BaseLibrary) throws {
        self.base = try library.chosen(base)
        adapter = nil
        model = try library.open(self.base)
        adapters = []
    }

    /// Opens a version of an adapter and its base.
    ///
    /// - Parameters:
    ///   - reference: such as `notes` or `notes@3`.
    ///   - scale: strength of the adapter; 1 is as trained, 0 is off.
    ///   - base: refused unless it is the one that the adapter was trained on.
    /// - Throws: `VaultError` E-VAULT-020; `KitError` E-ADAPTER-020, E-BASE-002.
    package init(adapter reference: String, scale: Float, base: String?, in workspace: Workspace) throws {
        let loaded = try workspace.load(reference)
        self.base = try workspace.bases.find(loaded.adapter.base)
        if let base { try loaded.check(against: try workspace.bases.find(base)) }
        adapter = loaded.label
        model = try workspace.bases.open(self.base)
        adapters = [AppliedAdapter(loaded.adapter, scale: scale)]
    }
}
