// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension VersionTable {
    /// Puts a label on a version, taking it from the version of the same adapter that had it.
    ///
    /// - Throws: `VaultError` E-VAULT-020, E-VAULT-023, E-VAULT-022 (not a label; `live` moves by `rollback`).
    package func label(_ reference: VersionReference, as label: String) throws {
        let label = try AdapterName.checked(label)
        try vault.write { database in
            let version = try Self.fetch(database, reference)
            try moveLabel(
                database, version.adapterID, label, to: version.row,
                "label \(version.reference) as \(label)")
        }
    }

    /// Takes a label away; the version stays.
    ///
    /// - Throws: `VaultError` E-VAULT-020, E-VAULT-023 (no such label).
    package func removeLabel(_ label: String, of name: String) throws {
        try vault.write { database in
            let reference = VersionReference(adapter: name, selector: .label(label))
            let version = try Self.fetch(database, reference)
            try moveLabel(database, version.adapterID, label, to: nil, "remove label \(reference)")
        }
    }

    private func moveLabel(
        _ database: Database, _ id: AdapterID, _ label: String, to row: Int64?, _ description: String
    ) throws {
        let previous = try Int64.fetchOne(
            database, sql: "SELECT version FROM labels WHERE adapter = ? AND name = ?", arguments: [id, label])
        guard previous != row else { return }
        try Self.setLabel(database, id, label, to: row)
        let subject = id.description
        try vault.journal.note(
            database, .label, description, subject: subject,
            reversal: .label(adapter: subject, name: label, version: previous))
    }

    static func setLabel(_ database: Database, _ id: AdapterID, _ label: String, to row: Int64?) throws {
        if let row {
            try database.execute(
                sql: """
                    INSERT INTO labels (adapter, name, version) VALUES (?, ?, ?)
                    ON CONFLICT (adapter, name) DO UPDATE SET version = excluded.version
                    """, arguments: [id, label, row])
        } else {
            try database.execute(sql: "DELETE FROM labels WHERE adapter = ? AND name = ?", arguments: [id, label])
        }
    }
}
