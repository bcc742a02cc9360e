// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension Vault {
    /// All adapters in the order they were made.
    package func adapters(trashed: Bool = false) throws -> [AdapterRecord] {
        try read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM adapters WHERE trashed = ? ORDER BY seq", arguments: [trashed]
            ).map { try Self.adapter(database, $0) }
        }
    }

    /// The adapter with this name that is not in the trash.
    ///
    /// - Throws: `VaultError` E-VAULT-020 (exit 5).
    package func adapter(named name: String) throws -> AdapterRecord {
        try read { try Self.adapter($0, try Self.adapterRow($0, named: name)) }
    }

    /// The versions of an adapter by number, the trash left out.
    ///
    /// - Throws: `VaultError` E-VAULT-020.
    package func versions(of name: String) throws -> [VersionRecord] {
        try read { database in
            let adapter = try Self.adapterRow(database, named: name)
            return try Self.versions(
                database, "v.adapter = ? AND v.trashed = 0", [try adapter.value("id", as: AdapterID.self)])
        }
    }

    /// The version that a reference means now.
    ///
    /// - Throws: `VaultError` E-VAULT-020 (no such adapter), E-VAULT-023 (no such version).
    package func version(_ reference: VersionReference) throws -> VersionRecord {
        try read { try Self.version($0, reference) }
    }

    /// The version that a person's text means now: `name`, `name@3`, `name@-1` or `name:label`.
    ///
    /// - Throws: `VaultError` E-VAULT-020, E-VAULT-023, E-VAULT-024 (not a reference).
    package func version(_ text: String) throws -> VersionRecord { try version(VersionReference(text)) }

    /// The version with this content, whichever adapter has it, the trash included.
    ///
    /// - Throws: `VaultError` E-VAULT-023.
    package func version(id: VersionID) throws -> VersionRecord {
        try read { database in
            guard let found = try Self.versions(database, "v.id = ?", [id]).first else {
                throw VaultError.noVersion(id.short)
            }
            return found
        }
    }
}

extension Vault {
    static func adapterRow(_ database: Database, named name: String) throws -> Row {
        guard
            let row = try Row.fetchOne(
                database, sql: "SELECT * FROM adapters WHERE name = ? AND trashed = 0",
                arguments: [name.precomposedStringWithCanonicalMapping])
        else { throw VaultError.noAdapter(name) }
        return row
    }

    static func adapter(_ database: Database, _ row: Row) throws -> AdapterRecord {
        let id = try row.value("id", as: AdapterID.self)
        let totals = try Row.fetchOne(
            database,
            sql: """
                SELECT COUNT(*) AS versions, COALESCE(SUM(COALESCE(b.encoded_size, b.size)), 0) AS size
                FROM versions v JOIN blobs b ON b.id = v.blob WHERE v.adapter = ? AND v.trashed = 0
                """, arguments: [id])
        return AdapterRecord(
            id: id, name: try row.value("name"), base: try row.value("base"),
            head: try row.optional("head", as: Int64.self).flatMap { try version(database, row: $0) },
            versions: try totals?.value("versions") ?? 0, size: try totals?.value("size") ?? 0,
            created: try row.date("created"), isTrashed: try row.value("trashed"))
    }

    static func version(_ database: Database, _ reference: VersionReference) throws -> VersionRecord {
        let adapter = try adapterRow(database, named: reference.adapter)
        let id = try adapter.value("id", as: AdapterID.self)
        let head = try adapter.optional("head", as: Int64.self)
        let live = "v.adapter = ? AND v.trashed = 0"
        let found: VersionRecord? =
            switch reference.selector {
            case .head: try head.flatMap { try version(database, row: $0) }
            case .number(let number): try versions(database, live + " AND v.number = ?", [id, number]).first
            case .back(let count):
                try versions(
                    database, live + " AND v.number < (SELECT number FROM versions WHERE seq = ?)", [id, head]
                ).dropLast(count - 1).last
            case .label(let label):
                try versions(
                    database, live + " AND v.seq = (SELECT version FROM labels WHERE adapter = ? AND name = ?)",
                    [id, id, label]
                ).first
            }
        guard let found else { throw VaultError.noVersion("\(reference)") }
        return found
    }

    static func version(_ database: Database, row: Int64) throws -> VersionRecord? {
        try versions(database, "v.seq = ?", [row]).first
    }

    /// The versions that meet a condition, by adapter and number.
    static func versions(
        _ database: Database, _ condition: String, _ arguments: StatementArguments
    ) throws -> [VersionRecord] {
        try Row.fetchAll(
            database,
            cached: """
                SELECT v.*, \(versionColumns)
                FROM versions v JOIN adapters a ON a.id = v.adapter JOIN blobs b ON b.id = v.blob
                WHERE \(condition) ORDER BY a.seq, v.number
                """, arguments: arguments
        ).map(record)
    }

    /// What a record has beside the columns of its version, of adapter `a`, version `v` and blob `b`.
    static let versionColumns = """
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
