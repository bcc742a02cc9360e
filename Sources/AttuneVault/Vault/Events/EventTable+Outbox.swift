// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// Publishes what happened here and was not published yet.
extension EventTable {
    /// Counts the drafts that wait.
    package func draftCount() throws -> Int {
        try vault.read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM events WHERE entry IS NULL") ?? 0 }
    }

    /// Finds the number of the newest draft; nil if none waits.
    package func newestDraft() throws -> Int64? {
        try vault.read { try Int64.fetchOne($0, sql: "SELECT MAX(seq) FROM events WHERE entry IS NULL") }
    }

    /// Reads the oldest draft, its parents as entries; nil if none waits.
    package func nextDraft() throws -> Draft? {
        try vault.read { database in
            guard
                let row = try Row.fetchOne(
                    database, sql: "SELECT * FROM events WHERE entry IS NULL ORDER BY seq LIMIT 1")
            else { return nil }
            let id = try row.value("seq", as: Int64.self)
            let parents = try Row.fetchAll(
                database,
                sql: """
                    SELECT e.entry FROM event_parents p JOIN events e ON e.seq = p.parent
                    WHERE p.event = ? AND e.entry IS NOT NULL
                    """, arguments: [id]
            ).map { try $0.value("entry", as: EntryHash.self) }
            return Draft(id: id, event: try Self.event(database, row), parents: parents.sorted())
        }
    }

    /// Takes a draft out of the outbox: `entry` is the newest of this device's log from now on.
    ///
    /// - Throws: `VaultError` E-VAULT-052 if the entry does not follow, or no such draft waits.
    package func publishDraft(_ id: Int64, as entry: StoredEntry) throws {
        try vault.write { database in
            guard let identity = try CircleTable.identity(database), identity.device == entry.device,
                try Bool.fetchOne(
                    database, sql: "SELECT EXISTS (SELECT 1 FROM events WHERE seq = ? AND entry IS NULL)",
                    arguments: [id]) == true
            else { throw VaultError.notNext }
            try EntryTable.append(database, entry, isApplied: true)
            try database.execute(
                sql: "UPDATE events SET entry = ?, device = ?, lamport = ? WHERE seq = ?",
                arguments: [entry.hash, entry.device, Int64(clamping: entry.lamport), id])
        }
        try OwnHeadFile(folder: vault.folder, key: vault.key.copy()).write(
            LogPosition(seq: entry.seq, hash: entry.hash), device: entry.device)
    }

    private static func event(_ database: Database, _ row: Row) throws -> AdapterEvent {
        let local = try row.value("adapter", as: AdapterID.self)
        let known = try AdapterTable.row(database, local)
        let adapter = try known?.optional("wire", as: AdapterID.self) ?? local
        switch try row.value("kind", as: EventKind.self) {
        case .version:
            let id = try row.value("version", as: VersionID.self)
            guard let version = try VersionTable.select(database, "v.adapter = ? AND v.id = ?", [local, id]).first,
                let base = try known?.value("base", as: BaseID.self)
            else { throw VaultError.damaged("a version that was to be published is missing") }
            let blob = try StoredBlob.fetch(database, id: version.blob)
            return .version(
                VersionPacket(
                    adapter: adapter, name: version.adapter, base: base, id: id,
                    parents: version.parents, manifest: version.manifest,
                    blob: BlobPacket(
                        id: blob.sealedID, key: blob.key, size: blob.size, encodedSize: blob.encodedSize,
                        digest: blob.digest, codec: blob.codec, chunks: blob.chunks),
                    created: UInt64(clamping: Timestamp.milliseconds(version.created)),
                    lossBefore: version.lossBefore, lossAfter: version.lossAfter, number: version.number))
        case .head: return .head(adapter: adapter, version: try row.value("version"))
        case .name: return .name(adapter: adapter, try row.value("name"))
        case .trashed: return .trashed(adapter: adapter, try row.value("trashed"))
        case .release:
            let released = try row.json("released", as: Released.self)
            return .release(versions: released.versions, entries: released.entries)
        }
    }
}
