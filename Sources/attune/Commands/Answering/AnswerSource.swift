// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneKit
import AttuneModel
import AttuneVault

/// Who answers: a base, with or without an adapter.
struct AnswerSource {
    let model: BaseModel
    let adapters: [AppliedAdapter]
    let baseName: String
    /// `notes@3`; nil for the base alone.
    let adapter: String?

    /// Opens the base and the adapter; the store is not touched for the base alone.
    static func resolve(name: String?, base: String?, scale: Float, global: GlobalOptions) throws -> AnswerSource {
        let bases = BaseLibrary(folder: global.paths.bases)
        guard let name else {
            let record = try bases.chosen(base)
            return AnswerSource(model: try bases.open(record), adapters: [], baseName: record.name, adapter: nil)
        }
        let workspace = try global.open(.reading)
        let loaded = try workspace.load(name)
        let record = try bases.find(loaded.adapter.base)
        if let base { try loaded.check(against: try bases.find(base)) }
        return AnswerSource(
            model: try bases.open(record), adapters: [AppliedAdapter(loaded.adapter, scale: scale)],
            baseName: record.name, adapter: loaded.label)
    }
}
