// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Describes an adapter: a name and what it stands for.
package struct AdapterRecord: Sendable, Equatable {
    /// Stays the same through renames.
    package let id: AdapterID
    package let name: String
    /// BLAKE2b-256 of the base model's file.
    package let base: BaseID
    /// The version the name points at; nil only if all its versions were undone.
    package let head: VersionRecord?
    /// Count of versions that are not in the trash.
    package let versions: Int
    /// Bytes of all those versions as they are stored.
    package let size: Int
    package let created: Date
    package let isTrashed: Bool
}

/// Keeps adapters: their names, and the versions that those point at.
package struct AdapterTable: Sendable {
    let vault: Vault

    /// Lists all adapters in the order they were made.
    package func all(trashed: Bool = false) throws -> [AdapterRecord] {
        try vault.read { database in
            try Self.rows(database, isTrashed: trashed).map { try Self.record(database, $0) }
        }
    }

    /// Finds the adapter with this name that is not in the trash.
    ///
    /// - Throws: `VaultError` E-VAULT-020 (exit 5).
    package func fetch(named name: String) throws -> AdapterRecord {
        try vault.read { try Self.record($0, try Self.row($0, named: name)) }
    }

    /// Gives an adapter another name.
    ///
    /// - Throws: `VaultError` E-VAULT-020 (no such adapter), E-VAULT-021 (taken), E-VAULT-022 (not a name).
    package func rename(_ name: String, to newName: String) throws {
        let newName = try AdapterName.checked(newName)
        try vault.write { database in
            let row = try Self.row(database, named: name)
            let oldName = try row.value("name", as: String.self)
            guard oldName != newName else { return }
            let id = try row.value("id", as: AdapterID.self)
            try Self.setName(database, id, to: newName)
            let subject = id.description
            try vault.journal.note(
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
        return try vault.write { database in
            let source = try VersionTable.fetch(database, reference)
            let base = try Self.row(database, named: reference.adapter).value("base", as: BaseID.self)
            try Self.requireFree(database, newName)
            let id = try ensure(database, name: newName, base: base)
            let row = try vault.versions.insert(
                database, adapterID: id, id: source.id, blob: source.blob, manifest: source.manifest,
                parents: source.parents, run: source.run, lossBefore: source.lossBefore, lossAfter: source.lossAfter)
            try Self.setHead(database, id, to: row)
            try EventTable.noteVersion(database, row, after: nil)
            let subject = id.description
            try vault.journal.note(
                database, .copy, "copy \(source.reference) to \(newName)", subject: subject,
                reversal: .trash(kind: .adapter, subject: subject))
            guard let copy = try VersionTable.fetch(database, row: row) else { throw VaultError.noVersion(newName) }
            return copy
        }
    }

    /// Moves an adapter with all its versions to the trash; its name is free from then on.
    ///
    /// - Throws: `VaultError` E-VAULT-020.
    package func trash(_ name: String) throws {
        try vault.write { database in
            let row = try Self.row(database, named: name)
            let subject = try row.value("id", as: AdapterID.self).description
            let name = try row.value("name", as: String.self)
            try vault.trash.discard(
                database, .adapter, subject, name: name, description: "remove \(name)", logged: subject)
        }
    }
}

extension AdapterTable {
    /// - Throws: `VaultError` E-VAULT-020.
    static func row(_ database: Database, named name: String) throws -> Row {
        guard let row = try find(database, named: name.precomposedStringWithCanonicalMapping) else {
            throw VaultError.noAdapter(name)
        }
        return row
    }

    static func record(_ database: Database, _ row: Row) throws -> AdapterRecord {
        let id = try row.value("id", as: AdapterID.self)
        let (versions, size) = try VersionTable.totals(database, of: id)
        return AdapterRecord(
            id: id, name: try row.value("name"), base: try row.value("base"),
            head: try row.optional("head", as: Int64.self).flatMap { try VersionTable.fetch(database, row: $0) },
            versions: versions, size: size,
            created: try row.date("created"), isTrashed: try row.value("trashed"))
    }

    /// Reads the rows of adapters in the order they were made: all, or those that are in the trash or are not.
    static func rows(_ database: Database, isTrashed: Bool? = nil) throws -> [Row] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM adapters WHERE trashed = COALESCE(?, trashed) ORDER BY seq",
            arguments: [isTrashed])
    }

    static func row(_ database: Database, _ id: AdapterID) throws -> Row? {
        try Row.fetchOne(database, cached: "SELECT * FROM adapters WHERE id = ?", arguments: [id])
    }

    /// Finds the live adapter with this name, which is in its canonical spelling; nil if there is none.
    static func find(_ database: Database, named name: String) throws -> Row? {
        try Row.fetchOne(
            database, sql: "SELECT * FROM adapters WHERE name = ? AND trashed = 0", arguments: [name])
    }

    static func ids(_ database: Database) throws -> [AdapterID] {
        try Row.fetchAll(database, cached: "SELECT id FROM adapters").map { try $0.value("id") }
    }

    static func name(_ database: Database, _ id: AdapterID) throws -> String? {
        try row(database, id)?.value("name")
    }

    static func head(_ database: Database, _ id: AdapterID) throws -> Int64? {
        try row(database, id)?.optional("head")
    }

    /// Finds the id of the live adapter with this name, made now if there is none.
    func ensure(_ database: Database, name: String, base: BaseID) throws -> AdapterID {
        if let row = try Self.find(database, named: name) {
            guard try row.value("base", as: BaseID.self) == base else { throw VaultError.otherBase(name) }
            return try row.value("id")
        }
        let id: AdapterID = ChunkStore.freshID()
        try database.execute(
            sql: "INSERT INTO adapters (id, name, base, created) VALUES (?, ?, ?, ?)",
            arguments: [id, name, base, Timestamp.milliseconds(vault.now())])
        return id
    }

    static func insert(
        _ database: Database, wire: AdapterID, local: AdapterID, name: String, base: BaseID, created: Int64
    ) throws {
        try database.execute(
            cached: "INSERT INTO adapters (id, name, base, created, wire) VALUES (?, ?, ?, ?, ?)",
            arguments: [local, name, base, created, local == wire ? nil : wire])
    }

    /// Finds the id that an adapter has here, by the id that devices use and its base; that of a new one if there is none.
    static func local(_ database: Database, _ wire: AdapterID, base: BaseID) throws -> AdapterID {
        let known = try AdapterID.fetchOne(
            database,
            cached: """
                SELECT id FROM adapters WHERE (wire = :wire OR id = :wire AND wire IS NULL) AND base = :base
                """, arguments: ["wire": wire, "base": base])
        if let known { return known }
        return try row(database, wire) != nil ? ClaimTable.id("adapter", [wire.bytes, base.bytes]) : wire
    }

    /// Finds the adapter that a device means by an id: the one it has versions of, else the one that was spoken of first.
    ///
    /// - Parameter version: where it names a version, the one that has this.
    static func local(
        _ database: Database, _ wire: AdapterID, meantBy device: DeviceID, version: VersionID? = nil
    ) throws -> AdapterID {
        let found = try AdapterID.fetchOne(
            database,
            cached: """
                SELECT a.id FROM adapters a WHERE a.wire = :wire OR a.id = :wire AND a.wire IS NULL
                ORDER BY
                    EXISTS (SELECT 1 FROM versions v WHERE v.adapter = a.id AND v.id = :version) DESC,
                    EXISTS (SELECT 1 FROM claims c JOIN versions v ON v.seq = c.version
                        WHERE v.adapter = a.id AND c.device = :device) DESC,
                    (SELECT MIN(e.lamport) FROM events e WHERE e.adapter = a.id AND e.kind = 'version'), a.id
                LIMIT 1
                """, arguments: ["wire": wire, "device": device, "version": version])
        return found ?? wire
    }

    static func setTrashed(_ database: Database, _ id: AdapterID, _ isTrashed: Bool) throws {
        try database.execute(cached: "UPDATE adapters SET trashed = ? WHERE id = ?", arguments: [isTrashed, id])
    }

    static func erase(_ database: Database, _ id: AdapterID) throws {
        try database.execute(cached: "DELETE FROM adapters WHERE id = ?", arguments: [id])
    }

    /// Reads an adapter's id from its digits.
    static func id(hex: String) throws -> AdapterID {
        guard let id = AdapterID(hex: hex) else { throw VaultError.damaged("an unreadable id") }
        return id
    }
}
