// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Describes a version from another person that waits to be taken in.
package struct ReceivedRecord: Sendable, Equatable {
    package let id: Int64
    /// Who sent it; nil once they were removed, and for what came in a file that names nobody.
    package let person: String?
    package let name: String
    package let base: BaseID
    package let version: VersionID
    package let manifest: String
    package let arrived: Date
}

/// Keeps versions of other people apart from the adapters until somebody takes them in.
package struct ReceivedTable: Sendable {
    let vault: Vault

    /// Keeps a version of another person, or of nobody that is known, apart from the adapters until somebody takes it in.
    package func add(
        from circle: CircleID?, name: String, base: BaseID, _ version: NewVersion
    ) throws -> ReceivedRecord {
        try vault.requireWriting()
        let id = try VersionTable.id(manifest: version.manifest, content: version.content)
        if let known = try all().first(where: { $0.version == id }) { return known }
        let blob = try vault.chunks.store(version.content)
        try vault.keeping(blob) { database in
            try blob.insert(database)
            try database.execute(
                sql: """
                    INSERT INTO received (person, name, base, version, manifest, blob, arrived)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    circle, AdapterName.normalized(name) ?? "adapter", base, id, version.manifest,
                    blob.id, Timestamp.milliseconds(vault.now()),
                ])
        }
        guard let record = try all().first(where: { $0.version == id }) else {
            throw VaultError.nothingReceived(name)
        }
        return record
    }

    /// Lists what came from other people and was not taken in yet.
    package func all() throws -> [ReceivedRecord] {
        try vault.read { database in
            try Row.fetchAll(
                database,
                sql:
                    "SELECT r.*, p.name AS person_name FROM received r LEFT JOIN people p ON p.circle = r.person ORDER BY r.seq"
            ).map { row in
                ReceivedRecord(
                    id: try row.value("seq"), person: try row.optional("person_name"), name: try row.value("name"),
                    base: try row.value("base"), version: try row.value("version"),
                    manifest: try row.value("manifest"),
                    arrived: try row.date("arrived"))
            }
        }
    }

    /// Reads the bytes of a received version, every chunk checked.
    ///
    /// - Throws: `VaultError` E-VAULT-055, E-VAULT-005.
    package func bytes(of record: ReceivedRecord) throws -> [UInt8] {
        try vault.chunks.load(try vault.read { try StoredBlob.fetch($0, id: try Self.blob($0, record)) })
    }

    /// Makes an adapter of its own of a received version.
    ///
    /// - Throws: `VaultError` E-VAULT-055, E-VAULT-021 (the name is taken), E-VAULT-022.
    package func accept(_ record: ReceivedRecord, as name: String) throws -> VersionRecord {
        let name = try AdapterName.checked(name)
        return try vault.write { database in
            let blob = try Self.blob(database, record)
            try AdapterTable.requireFree(database, name)
            let adapter = try vault.adapters.ensure(database, name: name, base: record.base)
            let row = try vault.versions.insert(
                database, adapterID: adapter, id: record.version, blob: blob, manifest: record.manifest, parents: [],
                run: nil, lossBefore: nil, lossAfter: nil)
            try AdapterTable.setHead(database, adapter, to: row)
            try EventTable.noteVersion(database, row, after: nil)
            try Self.erase(database, record.id)
            let subject = adapter.description
            try vault.journal.note(
                database, .addVersion, "take in \(name)", subject: subject,
                reversal: .trash(kind: .adapter, subject: subject))
            guard let version = try VersionTable.fetch(database, row: row) else { throw VaultError.noVersion(name) }
            return version
        }
    }

    /// Throws a received version away.
    ///
    /// - Throws: `VaultError` E-VAULT-055.
    package func reject(_ record: ReceivedRecord) throws {
        let unused: [ChunkID] = try vault.write { database in
            let blob = try Self.blob(database, record)
            try Self.erase(database, record.id)
            return try StoredBlob.release(database, id: blob)
        }
        vault.chunks.remove(unused)
    }

    private static func blob(_ database: Database, _ record: ReceivedRecord) throws -> BlobID {
        guard
            let row = try Row.fetchOne(
                database, sql: "SELECT blob FROM received WHERE seq = ? AND version = ?",
                arguments: [record.id, record.version])
        else { throw VaultError.nothingReceived(record.name) }
        return try row.value("blob")
    }

    static func erase(_ database: Database, _ id: Int64) throws {
        try database.execute(sql: "DELETE FROM received WHERE seq = ?", arguments: [id])
    }

    /// Lists the blobs of all received versions.
    static func contents(_ database: Database) throws -> [(id: Int64, name: String, blob: BlobID)] {
        try Row.fetchAll(database, sql: "SELECT seq, name, blob FROM received").map {
            (try $0.value("seq"), try $0.value("name"), try $0.value("blob"))
        }
    }
}
