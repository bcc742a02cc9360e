// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension Vault {
    /// Erases for good what has been in the trash for longer than `age` seconds; the names of what went.
    ///
    /// Nothing calls this by itself. Age is counted by the clock, so one that runs ahead erases early: an interactive
    /// caller shows the list first. Zero empties the trash.
    ///
    /// - Throws: `VaultError` E-VAULT-006 if the disk is too full even to erase one thing by itself.
    @discardableResult
    package func purgeTrash(olderThan age: TimeInterval = Vault.trashAge) throws -> [String] {
        let limit = Timestamp.milliseconds(now().addingTimeInterval(-age))
        func old(_ database: Database) throws -> [TrashEntry] {
            try Self.trashEntries(database).filter { Timestamp.milliseconds($0.trashed) <= limit }
        }
        do {
            return try erase(old)
        } catch let error as VaultError where error.kind == .full {
            return try eraseOneByOne(read(old), error)
        }
    }

    /// Erases in as many transactions as there are things: each takes less of the log, and leaves room for the next.
    private func eraseOneByOne(_ entries: [TrashEntry], _ error: VaultError) throws -> [String] {
        var left = entries
        var names: [String] = []
        while !left.isEmpty {
            let count = left.count
            left = try left.filter { entry in
                emptyLog()
                do {
                    names += try erase { _ in [entry] }
                    return false
                } catch let error as VaultError where error.kind == .full {
                    return true
                }
            }
            guard left.count < count else { throw VaultError.noRoomToFree(path, cause: error) }
        }
        return names
    }

    /// Erases entries of the trash in one transaction, and then the chunk files that nothing needs any more; the names.
    private func erase(_ chosen: (Database) throws -> [TrashEntry]) throws -> [String] {
        let (names, unused) = try write { database in
            var unused: [ChunkID] = []
            let entries = try chosen(database)
            for entry in entries { unused += try erase(database, entry) }
            if !entries.isEmpty {
                try log(
                    database, .purge, "erase \(entries.count) removed things for good", subject: "trash",
                    reversal: nil)
            }
            return (entries.map(\.name), unused)
        }
        chunks.remove(unused)
        return names
    }

    /// Erases one entry; the ids of chunk files that nothing needs any more.
    private func erase(_ database: Database, _ entry: TrashEntry) throws -> [ChunkID] {
        var blobs: [BlobID] = []
        switch entry.kind {
        case .adapter:
            let id = try Self.adapterID(hex: entry.subject)
            try noteErased(database, id)
            blobs = try Row.fetchAll(
                database,
                sql: """
                    SELECT blob FROM versions WHERE adapter = :id
                    UNION SELECT c.blob FROM claims c JOIN versions v ON v.seq = c.version WHERE v.adapter = :id
                    """, arguments: ["id": id]
            ).map { try $0.value("blob") }
            try setHead(database, id, to: nil)
            try database.execute(
                sql: """
                    DELETE FROM trash WHERE kind = 'version'
                    AND subject IN (SELECT CAST(seq AS TEXT) FROM versions WHERE adapter = ?)
                    """, arguments: [id])
            try database.execute(sql: "DELETE FROM versions WHERE adapter = ?", arguments: [id])
            try database.execute(sql: "DELETE FROM adapters WHERE id = ?", arguments: [id])
            try database.execute(
                sql: "UPDATE operations SET reversal = NULL WHERE subject = ?", arguments: [entry.subject])
        case .version:
            // An earlier entry of the same purge may have taken the whole adapter.
            guard let row = Int64(entry.subject), let version = try Self.version(database, row: row) else { return [] }
            blobs = try [version.blob] + Self.claimedBlobs(database, ofVersion: row)
            try forgetDraft(database, of: version)
            try database.execute(sql: "DELETE FROM versions WHERE seq = ?", arguments: [row])
            try forgetReversals(database, of: version)
        case .run:
            blobs = try Row.fetchAll(
                database, sql: "SELECT checkpoint FROM runs WHERE id = ? AND checkpoint IS NOT NULL",
                arguments: [entry.subject]
            ).map { try $0.value("checkpoint", as: BlobID.self) }
            try database.execute(sql: "DELETE FROM runs WHERE id = ?", arguments: [entry.subject])
            try forgetReversals(database, subject: "run \(entry.subject)")
        case .chat:
            try database.execute(sql: "DELETE FROM chats WHERE seq = ?", arguments: [Int64(entry.subject)])
            try forgetReversals(database, subject: "chat \(entry.subject)")
        }
        try database.execute(
            sql: "DELETE FROM trash WHERE kind = ? AND subject = ?", arguments: [entry.kind, entry.subject])
        return try blobs.flatMap { try StoredBlob.release(database, id: $0) }
    }

    private func forgetReversals(_ database: Database, subject: String) throws {
        try database.execute(sql: "UPDATE operations SET reversal = NULL WHERE subject = ?", arguments: [subject])
    }

    /// Operations that would bring back or point at a version that is gone can no longer be undone.
    private func forgetReversals(_ database: Database, of version: VersionRecord) throws {
        let rows = try Row.fetchAll(
            database, sql: "SELECT seq, reversal FROM operations WHERE subject = ? AND reversal IS NOT NULL",
            arguments: [version.adapterID.description])
        for row in rows where try row.json("reversal", as: Reversal.self).mentions(version: version.row) {
            try database.execute(
                sql: "UPDATE operations SET reversal = NULL WHERE seq = ?",
                arguments: [try row.value("seq", as: Int64.self)])
        }
    }
}
