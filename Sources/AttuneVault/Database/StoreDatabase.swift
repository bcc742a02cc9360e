// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import GRDB

/// How every connection to the database is set up, whatever file system layer lies below it.
package enum StoreDatabase {
    /// What every connection gets before its first statement.
    static func configuration(readonly: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.readonly = readonly
        configuration.busyMode = .timeout(5)
        configuration.label = "attune"
        configuration.prepareDatabase { try prepare($0) }
        return configuration
    }

    private static func prepare(_ database: Database) throws {
        // Sorts, savepoints and VACUUM must never spill to a plain file.
        try database.execute(sql: "PRAGMA temp_store = MEMORY")
        try database.execute(sql: "PRAGMA trusted_schema = OFF")
        try database.execute(sql: "PRAGMA cell_size_check = ON")
        try database.execute(sql: "PRAGMA journal_size_limit = 16777216")
        try database.execute(sql: "PRAGMA secure_delete = FAST")
        try database.execute(sql: "PRAGMA synchronous = FULL")
    }

    /// For one connection that has its file to itself, on any file system.
    static var alone: Configuration {
        var configuration = Configuration()
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
        configuration.label = "attune"
        configuration.prepareDatabase { try prepare($0) }
        return configuration
    }

    /// Passes if SQLite finds the database in order and every record it refers to is there.
    ///
    /// - Throws: `VaultError` E-VAULT-005.
    static func requireSound(_ reader: some DatabaseReader) throws { try reader.read(requireSound) }

    /// - Throws: as `requireSound` of a reader.
    static func requireSound(_ database: Database) throws {
        let lines = try String.fetchAll(database, sql: "PRAGMA quick_check(20)")
        if lines != ["ok"] {
            let found = lines.flatMap { $0.split(separator: "\n") }.filter { !$0.hasPrefix("***") }
            throw VaultError.damaged(found.joined(separator: "; "))
        }
        let broken = try Row.fetchAll(database, sql: "PRAGMA foreign_key_check").count
        if broken > 0 { throw VaultError.damaged("\(broken) records refer to others that are missing") }
    }

    /// Opens the database at `path`.
    package static func pool(path: String, readonly: Bool) throws -> DatabasePool {
        let pool = try DatabasePool(path: path, configuration: configuration(readonly: readonly))
        if !readonly {
            // The pool has lowered this on its writer, and a version that was reported as stored must survive.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            // Until then it has begun an empty log without bringing it to the disk, before which nothing may follow.
            try DurableFile.sync(path + "-wal")
        }
        return pool
    }

    /// Brings the tables to the newest layout.
    ///
    /// - Throws: `VaultError` E-VAULT-004 if a newer program made them.
    static func migrate(_ writer: some DatabaseWriter) throws {
        try requireKnownFormat(writer)
        try StoreSchema.migrator.migrate(writer)
    }

    /// - Throws: `VaultError` E-VAULT-004 if a newer program made the tables.
    static func requireKnownFormat(_ reader: some DatabaseReader) throws { try reader.read(requireKnownFormat) }

    /// - Throws: `VaultError` E-VAULT-004 if a newer program made the tables.
    static func requireKnownFormat(_ database: Database) throws {
        let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        guard found <= StoreSchema.format else {
            throw VaultError.otherFormat(found: "\(found)", known: StoreSchema.format)
        }
    }

    /// Every store has tables when it appears; without its log the database of an earlier Attune has none.
    ///
    /// - Throws: `VaultError` E-VAULT-005.
    static func requireTables(_ database: Database) throws {
        guard try Int.fetchOne(database, sql: "PRAGMA user_version") == 0 else { return }
        throw VaultError.notNewest("attune.db is empty: its log attune.db-wal was lost")
    }

    /// Reads from the database at `path` on a connection of its own, which changes nothing: not even the log, in which
    /// a pool begins to write when it opens.
    static func examine<Value>(path: String, _ body: (Database) throws -> Value) throws -> Value {
        let queue = try DatabaseQueue(path: path, configuration: configuration(readonly: true))
        defer { try? queue.close() }
        return try queue.read(body)
    }

    /// Brings all changes in the log into the database and empties the log; leaves it if a reader elsewhere needs it.
    static func emptyLog(_ database: Database) throws {
        try database.execute(sql: "PRAGMA busy_timeout = 100")
        defer { try? database.execute(sql: "PRAGMA busy_timeout = 5000") }
        do {
            _ = try database.checkpoint(.truncate)
        } catch let error as DatabaseError where [.SQLITE_BUSY, .SQLITE_LOCKED].contains(error.resultCode) {
            // The next end of a writer empties it.
        }
    }
}
