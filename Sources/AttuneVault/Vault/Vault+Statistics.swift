// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// Holds the sizes and counts of a store.
package struct VaultStatistics: Sendable, Equatable {
    package var adapters = 0
    package var versions = 0
    package var documents = 0
    /// UTF-8 bytes of all documents.
    package var documentBytes = 0
    package var runs = 0
    package var chats = 0
    package var messages = 0
    /// Entries of the trash.
    package var trashed = 0
    /// Chunk files that versions and checkpoints need and that are here.
    package var chunks = 0
    /// Bytes of those files.
    package var chunkBytes = 0
    /// Bytes of the database file.
    package var databaseBytes = 0
    /// Bytes of the database's write-ahead log.
    package var logBytes = 0
    /// Bytes free for this user on the disk that holds the store.
    package var freeBytes = 0
}

extension Vault {
    /// Counts what is stored, and its bytes; reads no content.
    package func statistics() throws -> VaultStatistics {
        let (known, numbers) = try read { database in
            // Counts of all tables, which are of no use to one of them.
            func count(_ sql: String) throws -> Int { try Int.fetchOne(database, sql: sql) ?? 0 }
            let numbers = VaultStatistics(
                adapters: try count("SELECT COUNT(*) FROM adapters WHERE trashed = 0"),
                versions: try count(
                    """
                    SELECT COUNT(*) FROM versions v JOIN adapters a ON a.id = v.adapter
                    WHERE v.trashed = 0 AND a.trashed = 0
                    """),
                documents: try count("SELECT COUNT(*) FROM documents"),
                documentBytes: try count("SELECT COALESCE(SUM(bytes), 0) FROM documents"),
                runs: try count("SELECT COUNT(*) FROM runs WHERE trashed = 0"),
                chats: try count("SELECT COUNT(*) FROM chats WHERE trashed = 0"),
                messages: try count("SELECT COUNT(*) FROM messages"),
                trashed: try count("SELECT COUNT(*) FROM trash"))
            return (try StoredBlob.allChunks(database), numbers)
        }
        var result = numbers
        for size in known.lazy.compactMap(chunks.byteCount) {
            result.chunks += 1
            result.chunkBytes += size
        }
        result.databaseBytes = DurableFile.size(folder.database)
        result.logBytes = DurableFile.size(folder.databaseLog)
        result.freeBytes = Self.freeBytes(at: folder.path)
        return result
    }

    /// Bytes that are free on the disk of a folder; 0 if that is not known.
    package static func freeBytes(at path: String) -> Int {
        var space = statvfs()
        guard statvfs(path, &space) == 0 else { return 0 }
        let (bytes, overflow) = Int(space.f_bavail).multipliedReportingOverflow(by: Int(space.f_frsize))
        return overflow ? Int.max : bytes
    }

    /// Gives unused space back: rewrites the database if a quarter of it is unused, and empties its log.
    package func compact() throws {
        try requireWriting()
        let (unused, pages) = try read { database in
            (
                try Int.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0,
                try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
            )
        }
        try setOrphansAside()
        try outsideTransaction { database in
            if unused * 4 > pages { try database.execute(sql: "VACUUM") }
            try StoreDatabase.emptyLog(database)
        }
    }
}
