// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// Another person, as this store knows them: their circle, and whether its safety number was compared.
package struct PersonRecord: Sendable, Equatable {
    /// Hash of the genesis link of their circle.
    package let circle: CircleID
    package let name: String
    /// The links of their circle, as the caller serialised them.
    package let links: [UInt8]
    /// True once a person has compared the safety number.
    package let isConfirmed: Bool
    package let added: Date
}

/// A version from another person that waits to be taken in.
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

extension Vault {
    /// All people by name.
    package func people() throws -> [PersonRecord] {
        try read { try Row.fetchAll($0, sql: "SELECT * FROM people ORDER BY name").map(Self.person) }
    }

    /// The person of this name.
    ///
    /// - Throws: `VaultError` E-VAULT-054.
    package func person(named name: String) throws -> PersonRecord {
        guard let found = try people().first(where: { $0.name == name }) else { throw VaultError.noPerson(name) }
        return found
    }

    /// Keeps what is known of a person; newer links of a known circle keep its name and whether it was confirmed.
    ///
    /// - Throws: `VaultError` E-VAULT-021 if another person has the name, E-VAULT-022 (not a name).
    @discardableResult
    package func putPerson(_ circle: CircleID, name: String, links: [UInt8]) throws -> PersonRecord {
        let name = try AdapterName.checked(name)
        return try write { database in
            let taken = try Row.fetchOne(
                database, sql: "SELECT circle FROM people WHERE name = ? AND circle <> ?",
                arguments: [name, circle])
            guard taken == nil else { throw VaultError.nameTaken(name) }
            try database.execute(
                sql: """
                    INSERT INTO people (circle, name, links, added) VALUES (?, ?, ?, ?)
                    ON CONFLICT (circle) DO UPDATE SET links = excluded.links
                    """, arguments: [circle, name, Data(links), Timestamp.milliseconds(now())])
            guard
                let row = try Row.fetchOne(
                    database, sql: "SELECT * FROM people WHERE circle = ?", arguments: [circle])
            else { throw VaultError.noPerson(name) }
            return try Self.person(row)
        }
    }

    /// Notes that the safety number was compared, or that it no longer counts.
    ///
    /// - Throws: `VaultError` E-VAULT-054.
    package func confirmPerson(_ name: String, _ isConfirmed: Bool = true) throws {
        try write { database in
            try database.execute(
                sql: "UPDATE people SET confirmed = ? WHERE name = ?", arguments: [isConfirmed, name])
            guard database.changesCount == 1 else { throw VaultError.noPerson(name) }
        }
    }

    /// Forgets a person; adapters of theirs stay.
    ///
    /// - Throws: `VaultError` E-VAULT-054.
    package func removePerson(_ name: String) throws {
        try write { database in
            try database.execute(sql: "DELETE FROM people WHERE name = ?", arguments: [name])
            guard database.changesCount == 1 else { throw VaultError.noPerson(name) }
        }
    }

    /// Keeps a version of another person, or of nobody that is known, apart from the adapters until somebody takes it in.
    package func receive(
        from circle: CircleID?, name: String, base: BaseID, _ version: NewVersion
    ) throws -> ReceivedRecord {
        try requireWriting()
        let id = try Self.versionID(manifest: version.manifest, content: version.content)
        if let known = try received().first(where: { $0.version == id }) { return known }
        let blob = try chunks.store(version.content)
        try keeping(blob) { database in
            try blob.insert(database)
            try database.execute(
                sql: """
                    INSERT INTO received (person, name, base, version, manifest, blob, arrived)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    circle, AdapterName.normalized(name) ?? "adapter", base, id, version.manifest,
                    blob.id, Timestamp.milliseconds(now()),
                ])
        }
        guard let record = try received().first(where: { $0.version == id }) else {
            throw VaultError.nothingReceived(name)
        }
        return record
    }

    /// What came from other people and was not taken in yet.
    package func received() throws -> [ReceivedRecord] {
        try read { database in
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

    /// The bytes of a received version, every chunk checked.
    ///
    /// - Throws: `VaultError` E-VAULT-055, E-VAULT-005.
    package func receivedBytes(_ record: ReceivedRecord) throws -> [UInt8] {
        try chunks.load(try read { try StoredBlob.fetch($0, id: try Self.receivedBlob($0, record)) })
    }

    /// Makes an adapter of its own of a received version.
    ///
    /// - Throws: `VaultError` E-VAULT-055, E-VAULT-021 (the name is taken), E-VAULT-022.
    package func acceptReceived(_ record: ReceivedRecord, as name: String) throws -> VersionRecord {
        let name = try AdapterName.checked(name)
        return try write { database in
            let blob = try Self.receivedBlob(database, record)
            try requireFree(database, name)
            let adapter = try ensureAdapter(database, name: name, base: record.base)
            let row = try insertVersion(
                database, adapterID: adapter, id: record.version, blob: blob, manifest: record.manifest, parents: [],
                run: nil, lossBefore: nil, lossAfter: nil)
            try setHead(database, adapter, to: row)
            try noteVersion(database, row, after: nil)
            try database.execute(sql: "DELETE FROM received WHERE seq = ?", arguments: [record.id])
            let subject = adapter.description
            try log(
                database, .addVersion, "take in \(name)", subject: subject,
                reversal: .trash(kind: .adapter, subject: subject))
            guard let version = try Self.version(database, row: row) else { throw VaultError.noVersion(name) }
            return version
        }
    }

    /// Throws a received version away.
    ///
    /// - Throws: `VaultError` E-VAULT-055.
    package func rejectReceived(_ record: ReceivedRecord) throws {
        let unused: [ChunkID] = try write { database in
            let blob = try Self.receivedBlob(database, record)
            try database.execute(sql: "DELETE FROM received WHERE seq = ?", arguments: [record.id])
            return try StoredBlob.release(database, id: blob)
        }
        chunks.remove(unused)
    }

    private static func receivedBlob(_ database: Database, _ record: ReceivedRecord) throws -> BlobID {
        guard
            let row = try Row.fetchOne(
                database, sql: "SELECT blob FROM received WHERE seq = ? AND version = ?",
                arguments: [record.id, record.version])
        else { throw VaultError.nothingReceived(record.name) }
        return try row.value("blob")
    }

    private static func person(_ row: Row) throws -> PersonRecord {
        PersonRecord(
            circle: try row.value("circle"), name: try row.value("name"), links: try row.bytes("links"),
            isConfirmed: try row.value("confirmed"), added: try row.date("added"))
    }
}
