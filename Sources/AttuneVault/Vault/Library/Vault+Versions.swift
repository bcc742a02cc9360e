// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

extension Vault {
    /// The id of a version: BLAKE2b-256 over the manifest's length (8 bytes, highest first), the manifest, the bytes.
    package static func versionID(manifest: String, content: BlobContent) throws -> VersionID {
        var hash = versionHash(manifest)
        try content.pieces { hash.update($1) }
        return VersionID(hash.finish())
    }

    /// The hash that is a version's id once its tensor bytes are in it too.
    private static func versionHash(_ manifest: String) -> BLAKE2b.Incremental {
        var head = ByteWriter()
        let text = Array(manifest.utf8)
        head.bigEndian(UInt64(text.count))
        head.append(text)
        var hash = BLAKE2b.Incremental()
        hash.update(head.bytes)
        return hash
    }

    /// Stores a new version and points the adapter's name at it; makes the adapter if the name is free.
    ///
    /// The sealed bytes are durable before the one transaction that lists them, so a killed process leaves either the
    /// whole version or none. A version with the same content is not stored twice: the name points at it again.
    ///
    /// - Parameter base: BLAKE2b-256 of the base model's file.
    /// - Throws: `VaultError` E-VAULT-022 (not a name), E-VAULT-025 (the adapter belongs to another base),
    ///   E-VAULT-006 (disk full; nothing was stored).
    @discardableResult
    package func addVersion(to name: String, base: BaseID, _ version: NewVersion) throws -> VersionRecord {
        try requireWriting()
        let name = try AdapterName.checked(name)
        let id = try Self.versionID(manifest: version.manifest, content: version.content)
        if let known = try write({ try self.revive($0, name: name, base: base, id: id) }) { return known }
        let blob = try chunks.store(version.content)
        return try keeping(blob) { database in
            try self.insert(database, version, id: id, blob: blob, name: name, base: base)
        }
    }

    /// The tensor bytes of a version, every chunk checked and opened.
    ///
    /// - Throws: `VaultError` E-VAULT-023 (no such version), E-VAULT-005 (damaged).
    package func versionBytes(_ id: VersionID) throws -> [UInt8] {
        try versionBytes(of: version(id: id))
    }

    /// The tensor bytes of a version as this record has them, every chunk checked and opened.
    ///
    /// - Throws: `VaultError` E-VAULT-005 (damaged, or not what the version's id says).
    package func versionBytes(of record: VersionRecord) throws -> [UInt8] {
        let bytes = try chunks.load(try read { try StoredBlob.fetch($0, id: record.blob) })
        guard try Self.versionID(manifest: record.manifest, content: BlobContent(bytes)) == record.id else {
            throw VaultError.damaged("\(record.reference) is not what was stored")
        }
        return bytes
    }

    /// Hands over the bytes of a version that came from another device, in order, with little of them in memory at a
    /// time, and compares them with its id. What was handed over counts only once this returns.
    ///
    /// - Parameter largestRun: most bytes of one tensor of such a version.
    /// - Throws: `VaultError` E-VAULT-005 if a chunk is missing or was changed on this disk: `fetchAgain` mends it;
    ///   E-VAULT-040, E-VAULT-053 for what its author made otherwise than announced; E-MEMORY-003.
    package func arrivedBytes(
        _ version: VersionRecord, largestRun: Int, _ sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let blob = try read { try StoredBlob.fetch($0, id: version.blob) }
        var hash = Self.versionHash(version.manifest)
        try chunks.read(blob, largestRun: largestRun) {
            hash.update($0)
            try sink($0)
        }
        guard VersionID(hash.finish()) == version.id else {
            throw VaultError.badVersion("\(version.reference) is not what its id says")
        }
    }

    /// Runs the transaction that lists `blob`; if it fails for sure, the chunk files go again.
    func keeping<Value>(_ blob: StoredBlob, _ body: (Database) throws -> Value) throws -> Value {
        do {
            return try write(body)
        } catch {
            // After a failed sync nobody can tell whether the commit is on disk: the next opening finds out.
            let isUncertain = ((error as? VaultError)?.cause as? DatabaseError)?.resultCode == .SQLITE_IOERR
            if !isUncertain { chunks.remove(blob.chunks) }
            throw error
        }
    }

    /// Points the name at a version that is there already, if there is one with this content.
    private func revive(_ database: Database, name: String, base: BaseID, id: VersionID) throws -> VersionRecord? {
        guard
            let adapter = try Row.fetchOne(
                database, sql: "SELECT * FROM adapters WHERE name = ? AND trashed = 0", arguments: [name])
        else { return nil }
        guard try adapter.value("base", as: BaseID.self) == base else { throw VaultError.otherBase(name) }
        let adapterID = try adapter.value("id", as: AdapterID.self)
        guard let known = try Self.versions(database, "v.adapter = ? AND v.id = ?", [adapterID, id]).first else {
            return nil
        }
        let previous = try adapter.optional("head", as: Int64.self)
        let wasTrashed =
            try Bool.fetchOne(database, sql: "SELECT trashed FROM versions WHERE seq = ?", arguments: [known.row])
            ?? false
        guard wasTrashed || previous != known.row else { return known }
        if wasTrashed { try untrash(database, .version, "\(known.row)") }
        try setHead(database, adapterID, to: known.row)
        let previousID = try previous.flatMap { try Self.version(database, row: $0)?.id }
        try noteHead(database, adapterID, from: previousID)
        try log(
            database, .addVersion, "add \(known.reference) again", subject: adapterID.description,
            reversal: wasTrashed
                ? .removeVersion(adapter: adapterID.description, version: known.row, head: previous)
                : previous.map { .moveHead(adapter: adapterID.description, to: $0) })
        return try Self.version(database, row: known.row)
    }

    private func insert(
        _ database: Database, _ version: NewVersion, id: VersionID, blob: StoredBlob, name: String, base: BaseID
    ) throws -> VersionRecord {
        let adapterID = try ensureAdapter(database, name: name, base: base)
        let previous = try Int64.fetchOne(
            database, sql: "SELECT head FROM adapters WHERE id = ?", arguments: [adapterID])
        try blob.insert(database)
        let row = try insertVersion(
            database, adapterID: adapterID, id: id, blob: blob.id, manifest: version.manifest,
            parents: version.parents, run: version.run, lossBefore: version.lossBefore, lossAfter: version.lossAfter)
        try setHead(database, adapterID, to: row)
        try noteVersion(database, row, after: previous)
        guard let record = try Self.version(database, row: row) else { throw VaultError.noVersion(name) }
        let subject = adapterID.description
        try log(
            database, .addVersion, "add \(record.reference)", subject: subject,
            reversal: .removeVersion(adapter: subject, version: row, head: previous))
        return record
    }

    /// The id of the live adapter with this name, made now if there is none.
    func ensureAdapter(_ database: Database, name: String, base: BaseID) throws -> AdapterID {
        if let row = try Row.fetchOne(
            database, sql: "SELECT id, base FROM adapters WHERE name = ? AND trashed = 0", arguments: [name])
        {
            guard try row.value("base", as: BaseID.self) == base else { throw VaultError.otherBase(name) }
            return try row.value("id")
        }
        let id: AdapterID = ChunkStore.freshID()
        try database.execute(
            sql: "INSERT INTO adapters (id, name, base, created) VALUES (?, ?, ?, ?)",
            arguments: [id, name, base, Timestamp.milliseconds(now())])
        return id
    }

    func insertVersion(
        _ database: Database, adapterID: AdapterID, id: VersionID, blob: BlobID, manifest: String, parents: [VersionID],
        run: RunID?, lossBefore: Double?, lossAfter: Double?, created: Int64? = nil, number: Int? = nil
    ) throws -> Int64 {
        try database.execute(
            cached: """
                INSERT INTO versions
                    (id, adapter, number, parents, manifest, blob, created, run, loss_before, loss_after)
                VALUES (?, ?, COALESCE(?, (SELECT COALESCE(MAX(number), 0) + 1 FROM versions WHERE adapter = ?)),
                    ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                id, adapterID, number, adapterID, try storedJSON(parents), manifest, blob,
                created ?? Timestamp.milliseconds(now()), run, lossBefore, lossAfter,
            ])
        return database.lastInsertedRowID
    }

    func setHead(_ database: Database, _ adapterID: AdapterID, to row: Int64?) throws {
        try database.execute(cached: "UPDATE adapters SET head = ? WHERE id = ?", arguments: [row, adapterID])
    }
}
