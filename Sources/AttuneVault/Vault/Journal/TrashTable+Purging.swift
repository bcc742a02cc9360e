// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension TrashTable {
    /// Erases for good what has been in the trash for longer than `age` seconds; the names of what went.
    ///
    /// Nothing calls this by itself. Age is counted by the clock, so one that runs ahead erases early: an interactive
    /// caller shows the list first. Zero empties the trash.
    ///
    /// - Throws: `VaultError` E-VAULT-006 if the disk is too full even to erase one thing by itself.
    @discardableResult
    package func purge(olderThan age: TimeInterval = TrashTable.age) throws -> [String] {
        let limit = Timestamp.milliseconds(vault.now().addingTimeInterval(-age))
        func old(_ database: Database) throws -> [TrashEntry] {
            try Self.entries(database).filter { Timestamp.milliseconds($0.trashed) <= limit }
        }
        do {
            return try erase(old)
        } catch let error as VaultError where error.kind == .full {
            return try eraseOneByOne(vault.read(old), error)
        }
    }

    /// Erases in as many transactions as there are things: each takes less of the log, and leaves room for the next.
    private func eraseOneByOne(_ entries: [TrashEntry], _ error: VaultError) throws -> [String] {
        var left = entries
        var names: [String] = []
        while !left.isEmpty {
            let count = left.count
            left = try left.filter { entry in
                vault.emptyLog()
                do {
                    names += try erase { _ in [entry] }
                    return false
                } catch let error as VaultError where error.kind == .full {
                    return true
                }
            }
            guard left.count < count else { throw VaultError.noRoomToFree(vault.path, cause: error) }
        }
        return names
    }

    /// Erases entries of the trash in one transaction, and then the chunk files that nothing needs any more; the names.
    private func erase(_ chosen: (Database) throws -> [TrashEntry]) throws -> [String] {
        let (names, unused) = try vault.write { database in
            var unused: [ChunkID] = []
            let entries = try chosen(database)
            for entry in entries { unused += try Self.erase(database, entry) }
            if !entries.isEmpty {
                try vault.journal.note(
                    database, .purge, "erase \(entries.count) removed things for good", subject: "trash",
                    reversal: nil)
            }
            return (entries.map(\.name), unused)
        }
        vault.chunks.remove(unused)
        return names
    }

    /// Erases one entry; the ids of chunk files that nothing needs any more.
    private static func erase(_ database: Database, _ entry: TrashEntry) throws -> [ChunkID] {
        var blobs: [BlobID] = []
        switch entry.kind {
        case .adapter:
            let id = try AdapterTable.id(hex: entry.subject)
            try EventTable.noteErased(database, id)
            blobs = try ClaimTable.blobs(database, ofAdapter: id)
            try AdapterTable.setHead(database, id, to: nil)
            try database.execute(
                sql: """
                    DELETE FROM trash WHERE kind = 'version'
                    AND subject IN (SELECT CAST(seq AS TEXT) FROM versions WHERE adapter = ?)
                    """, arguments: [id])
            try VersionTable.eraseAll(database, of: id)
            try AdapterTable.erase(database, id)
            try Journal.forgetReversals(database, subject: entry.subject)
        case .version:
            // An earlier entry of the same purge may have taken the whole adapter.
            guard let row = Int64(entry.subject), let version = try VersionTable.fetch(database, row: row) else {
                return []
            }
            // A name that points at it keeps it: another device may have gone back to it.
            guard try AdapterTable.head(database, version.adapterID) != row else {
                try takeOut(database, version: row)
                return []
            }
            blobs = try [version.blob] + ClaimTable.blobs(database, ofVersion: row)
            try EventTable.forgetDrafts(database, of: version.id, in: version.adapterID)
            try VersionTable.erase(database, version: row)
            try Journal.forgetReversals(database, of: version)
        case .run:
            let id = RunID(entry.subject)
            blobs = try [RunTable.checkpoint(database, id)].compactMap(\.self)
            try RunTable.erase(database, id)
            try Journal.forgetReversals(database, subject: "run \(entry.subject)")
        case .chat:
            try ChatTable.erase(database, Int64(entry.subject))
            try Journal.forgetReversals(database, subject: "chat \(entry.subject)")
        }
        try remove(database, entry.kind, entry.subject)
        return try blobs.flatMap { try StoredBlob.release(database, id: $0) }
    }
}
