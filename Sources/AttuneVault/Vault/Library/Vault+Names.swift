// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension Vault {
    /// Gives an adapter another name.
    ///
    /// - Throws: `VaultError` E-VAULT-020 (no such adapter), E-VAULT-021 (taken), E-VAULT-022 (not a name).
    package func rename(_ name: String, to newName: String) throws {
        let newName = try AdapterName.checked(newName)
        try write { database in
            let row = try Self.adapterRow(database, named: name)
            let oldName = try row.value("name", as: String.self)
            guard oldName != newName else { return }
            let id = try row.value("id", as: AdapterID.self)
            try setName(database, id, to: newName)
            let subject = id.description
            try log(
                database, .rename, "rename \(oldName) to \(newName)", subject: subject,
                reversal: .rename(adapter: subject, to: oldName))
        }
    }

    /// Makes a new adapter whose first version has the content of `reference`; the bytes are shared, not copied.
    ///
    /// - Throws: `VaultError` E-VAULT-020, E-VAULT-023, E-VAULT-021 (name taken), E-VAULT-022 (not a name).
    @discardableResult
    package func copy(_ reference: VersionReference, to newName: String) throws -> VersionRecord {
        let newName = try AdapterName.checked(newName)
        return try write { database in
            let source = try Self.version(database, reference)
            let base = try Self.adapterRow(database, named: reference.adapter).value("base", as: BaseID.self)
            try requireFree(database, newName)
            let id = try ensureAdapter(database, name: newName, base: base)
            let row = try insertVersion(
                database, adapterID: id, id: source.id, blob: source.blob, manifest: source.manifest,
                parents: source.parents, run: source.run, lossBefore: source.lossBefore, lossAfter: source.lossAfter)
            try setHead(database, id, to: row)
            try noteVersion(database, row, after: nil)
            let subject = id.description
            try log(
                database, .copy, "copy \(source.reference) to \(newName)", subject: subject,
                reversal: .trash(kind: .adapter, subject: subject))
            guard let copy = try Self.version(database, row: row) else { throw VaultError.noVersion(newName) }
            return copy
        }
    }

    /// Puts a label on a version, taking it from the version of the same adapter that had it.
    ///
    /// - Throws: `VaultError` E-VAULT-020, E-VAULT-023, E-VAULT-022 (not a label; `live` moves by `rollback`).
    package func label(_ reference: VersionReference, as label: String) throws {
        let label = try AdapterName.checked(label)
        try write { database in
            let version = try Self.version(database, reference)
            try moveLabel(
                database, version.adapterID, label, to: version.row,
                "label \(version.reference) as \(label)")
        }
    }

    /// Takes a label away; the version stays.
    ///
    /// - Throws: `VaultError` E-VAULT-020, E-VAULT-023 (no such label).
    package func removeLabel(_ label: String, of name: String) throws {
        try write { database in
            let reference = VersionReference(adapter: name, selector: .label(label))
            let version = try Self.version(database, reference)
            try moveLabel(database, version.adapterID, label, to: nil, "remove label \(reference)")
        }
    }

    /// Points an adapter's name at one of its versions, by default the one before.
    ///
    /// - Throws: `VaultError` E-VAULT-020, E-VAULT-023.
    @discardableResult
    package func rollback(_ name: String, to selector: VersionReference.Selector = .back(1)) throws -> VersionRecord {
        try write { database in
            let target = try Self.version(database, VersionReference(adapter: name, selector: selector))
            let row = try Self.adapterRow(database, named: name)
            let previous = try row.optional("head", as: Int64.self)
            guard previous != target.row else { return target }
            let id = try row.value("id", as: AdapterID.self)
            try setHead(database, id, to: target.row)
            let previousID = try previous.flatMap { try Self.version(database, row: $0)?.id }
            try noteHead(database, id, from: previousID)
            let subject = id.description
            try log(
                database, .rollback, "point \(target.adapter) at \(target.reference)", subject: subject,
                reversal: previous.map { .moveHead(adapter: subject, to: $0) })
            return try Self.version(database, row: target.row) ?? target
        }
    }

    func setName(_ database: Database, _ id: AdapterID, to name: String) throws {
        try requireFree(database, name)
        try database.execute(sql: "UPDATE adapters SET name = ? WHERE id = ?", arguments: [name, id])
        try noteName(database, id)
    }

    /// - Throws: `VaultError` E-VAULT-021 if a live adapter has this name.
    func requireFree(_ database: Database, _ name: String) throws {
        let taken =
            try Bool.fetchOne(
                database, sql: "SELECT EXISTS (SELECT 1 FROM adapters WHERE name = ? AND trashed = 0)",
                arguments: [name]) ?? false
        if taken { throw VaultError.nameTaken(name) }
    }

    func setLabel(_ database: Database, _ id: AdapterID, _ label: String, to row: Int64?) throws {
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

    private func moveLabel(
        _ database: Database, _ id: AdapterID, _ label: String, to row: Int64?, _ description: String
    ) throws {
        let previous = try Int64.fetchOne(
            database, sql: "SELECT version FROM labels WHERE adapter = ? AND name = ?", arguments: [id, label])
        guard previous != row else { return }
        try setLabel(database, id, label, to: row)
        let subject = id.description
        try log(
            database, .label, description, subject: subject,
            reversal: .label(adapter: subject, name: label, version: previous))
    }
}
