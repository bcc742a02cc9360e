// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Keeps the versions of adapters, and the labels on them.
package struct VersionTable: Sendable {
    let vault: Vault

    /// Lists the versions of an adapter by number, the trash left out.
    ///
    /// - Throws: `VaultError` E-VAULT-020.
    package func all(of name: String) throws -> [VersionRecord] {
        try vault.read { database in
            let adapter = try AdapterTable.row(database, named: name)
            return try Self.select(
                database, "v.adapter = ? AND v.trashed = 0", [try adapter.value("id", as: AdapterID.self)])
        }
    }

    /// Finds the version that a reference means now.
    ///
    /// - Throws: `VaultError` E-VAULT-020 (no such adapter), E-VAULT-023 (no such version).
    package func fetch(_ reference: VersionReference) throws -> VersionRecord {
        try vault.read { try Self.fetch($0, reference) }
    }

    /// Finds the version that a person's text means now: `name`, `name@3`, `name@-1` or `name:label`.
    ///
    /// - Throws: `VaultError` E-VAULT-020, E-VAULT-023, E-VAULT-024 (not a reference).
    package func fetch(_ text: String) throws -> VersionRecord { try fetch(VersionReference(text)) }

    /// Finds the version with this content, whichever adapter has it, the trash included.
    ///
    /// - Throws: `VaultError` E-VAULT-023.
    package func fetch(id: VersionID) throws -> VersionRecord {
        try vault.read { database in
            guard let found = try Self.select(database, "v.id = ?", [id]).first else {
                throw VaultError.noVersion(id.short)
            }
            return found
        }
    }

    /// Lists all versions that a version was made from, over as many steps as are known here, the nearest first.
    package func ancestors(of version: VersionRecord, limit: Int) throws -> [VersionID] {
        try vault.read { database in
            let known = try Self.select(database, "v.adapter = ?", [version.adapterID])
            let parents = Dictionary(known.map { ($0.id, $0.parents) }, uniquingKeysWith: { first, _ in first })
            var seen: Set<VersionID> = [version.id]
            var result: [VersionID] = []
            var next = version.parents
            while !next.isEmpty, result.count < limit {
                let fresh = next.filter { seen.insert($0).inserted }
                result += fresh
                next = fresh.flatMap { parents[$0] ?? [] }
            }
            return Array(result.prefix(limit))
        }
    }

    /// Moves one version to the trash. The version that the name points at cannot go.
    ///
    /// - Throws: `VaultError` E-VAULT-020, E-VAULT-023, E-VAULT-026 (it is the head).
    package func trash(_ reference: VersionReference) throws {
        try vault.write { database in
            let version = try Self.fetch(database, reference)
            guard !version.isHead else { throw VaultError.versionIsHead("\(version.reference)") }
            try vault.trash.discard(
                database, .version, "\(version.row)", name: "\(version.reference)",
                description: "remove \(version.reference)", logged: version.adapterID.description)
        }
    }
}

extension VersionTable {
    static func fetch(_ database: Database, _ reference: VersionReference) throws -> VersionRecord {
        let adapter = try AdapterTable.row(database, named: reference.adapter)
        let id = try adapter.value("id", as: AdapterID.self)
        let head = try adapter.optional("head", as: Int64.self)
        let live = "v.adapter = ? AND v.trashed = 0"
        let found: VersionRecord? =
            switch reference.selector {
            case .head: try head.flatMap { try Self.fetch(database, row: $0) }
            case .number(let number): try Self.select(database, live + " AND v.number = ?", [id, number]).first
            case .back(let count):
                try Self.select(
                    database, live + " AND v.number < (SELECT number FROM versions WHERE seq = ?)", [id, head]
                ).dropLast(count - 1).last
            case .label(let label):
                try Self.select(
                    database, live + " AND v.seq = (SELECT version FROM labels WHERE adapter = ? AND name = ?)",
                    [id, id, label]
                ).first
            }
        guard let found else { throw VaultError.noVersion("\(reference)") }
        return found
    }

    static func fetch(_ database: Database, row: Int64) throws -> VersionRecord? {
        try Self.select(database, "v.seq = ?", [row]).first
    }

    /// Reads the versions that meet a condition, by adapter and number.
    static func select(
        _ database: Database, _ condition: String, _ arguments: StatementArguments
    ) throws -> [VersionRecord] {
        try Row.fetchAll(
            database,
            cached: """
                SELECT v.*, \(Self.columns)
                FROM versions v JOIN adapters a ON a.id = v.adapter JOIN blobs b ON b.id = v.blob
                WHERE \(condition) ORDER BY a.seq, v.number
                """, arguments: arguments
        ).map(record)
    }

    /// Counts the versions of an adapter that are not in the trash, and their bytes as they are stored.
    static func totals(_ database: Database, of adapter: AdapterID) throws -> (versions: Int, size: Int) {
        let totals = try Row.fetchOne(
            database,
            sql: """
                SELECT COUNT(*) AS versions, COALESCE(SUM(COALESCE(b.encoded_size, b.size)), 0) AS size
                FROM versions v JOIN blobs b ON b.id = v.blob WHERE v.adapter = ? AND v.trashed = 0
                """, arguments: [adapter])
        return (try totals?.value("versions") ?? 0, try totals?.value("size") ?? 0)
    }

    /// Lists what a record has beside the columns of its version, of adapter `a`, version `v` and blob `b`.
    static let columns = """
        a.name AS adapter_name, COALESCE(a.wire, a.id) AS adapter_wire, a.head AS head, b.size AS size,
        COALESCE(b.encoded_size, b.size) AS stored_size, b.state AS blob_state,
        (SELECT json_group_array(name)
         FROM (SELECT name FROM labels WHERE version = v.seq ORDER BY name)) AS labels
        """

    static func record(_ row: Row) throws -> VersionRecord {
        let sequence = try row.value("seq", as: Int64.self)
        return VersionRecord(
            id: try row.value("id"), adapter: try row.value("adapter_name"), number: try row.value("number"),
            parents: try row.json("parents"), manifest: try row.value("manifest"), size: try row.value("size"),
            storedSize: try row.value("stored_size"), created: try row.date("created"),
            run: try row.optional("run"),
            lossBefore: try row.optional("loss_before"), lossAfter: try row.optional("loss_after"),
            labels: try row.json("labels"), isHead: try row.optional("head", as: Int64.self) == sequence,
            state: try row.value("blob_state"),
            row: sequence, adapterID: try row.value("adapter"), wireAdapter: try row.value("adapter_wire"),
            blob: try row.value("blob"))
    }
}
