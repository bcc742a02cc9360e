// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension VersionTable {
    /// Stores a new version and points the adapter's name at it; makes the adapter if the name is free.
    ///
    /// The sealed bytes are durable before the one transaction that lists them, so a killed process leaves either the
    /// whole version or none. A version with the same content is not stored twice: the name points at it again.
    ///
    /// - Parameter base: BLAKE2b-256 of the base model's file.
    /// - Throws: `VaultError` E-VAULT-022 (not a name), E-VAULT-025 (the adapter belongs to another base),
    ///   E-VAULT-006 (disk full; nothing was stored).
    @discardableResult
    package func add(to name: String, base: BaseID, _ version: NewVersion) throws -> VersionRecord {
        try vault.requireWriting()
        let name = try AdapterName.checked(name)
        let id = try Self.id(manifest: version.manifest, content: version.content)
        if let known = try vault.write({ try revive($0, name: name, base: base, id: id) }) { return known }
        let blob = try vault.chunks.store(version.content)
        return try vault.keeping(blob) { database in
            try insertNew(database, version, id: id, blob: blob, name: name, base: base)
        }
    }

    /// Points the name at a version that is there already, if there is one with this content.
    private func revive(_ database: Database, name: String, base: BaseID, id: VersionID) throws -> VersionRecord? {
        guard let adapter = try AdapterTable.find(database, named: name) else { return nil }
        guard try adapter.value("base", as: BaseID.self) == base else { throw VaultError.otherBase(name) }
        let adapterID = try adapter.value("id", as: AdapterID.self)
        guard let known = try Self.select(database, "v.adapter = ? AND v.id = ?", [adapterID, id]).first else {
            return nil
        }
        let previous = try adapter.optional("head", as: Int64.self)
        let wasTrashed = try Self.isTrashed(database, version: known.row)
        guard wasTrashed || previous != known.row else { return known }
        if wasTrashed { try vault.trash.untrash(database, .version, "\(known.row)") }
        try AdapterTable.setHead(database, adapterID, to: known.row)
        let previousID = try previous.flatMap { try Self.fetch(database, row: $0)?.id }
        try EventTable.noteHead(database, adapterID, from: previousID)
        try vault.journal.note(
            database, .addVersion, "add \(known.reference) again", subject: adapterID.description,
            reversal: wasTrashed
                ? .removeVersion(adapter: adapterID.description, version: known.row, head: previous)
                : previous.map { .moveHead(adapter: adapterID.description, to: $0) })
        return try Self.fetch(database, row: known.row)
    }

    private func insertNew(
        _ database: Database, _ version: NewVersion, id: VersionID, blob: StoredBlob, name: String, base: BaseID
    ) throws -> VersionRecord {
        let adapterID = try vault.adapters.ensure(database, name: name, base: base)
        let previous = try AdapterTable.head(database, adapterID)
        try blob.insert(database)
        let row = try insert(
            database, adapterID: adapterID, id: id, blob: blob.id, manifest: version.manifest,
            parents: version.parents, run: version.run, lossBefore: version.lossBefore, lossAfter: version.lossAfter)
        try AdapterTable.setHead(database, adapterID, to: row)
        try EventTable.noteVersion(database, row, after: previous)
        guard let record = try Self.fetch(database, row: row) else { throw VaultError.noVersion(name) }
        let subject = adapterID.description
        try vault.journal.note(
            database, .addVersion, "add \(record.reference)", subject: subject,
            reversal: .removeVersion(adapter: subject, version: row, head: previous))
        return record
    }

    func insert(
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
                created ?? Timestamp.milliseconds(vault.now()), run, lossBefore, lossAfter,
            ])
        return database.lastInsertedRowID
    }
}
