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
    static func requireSound(_ reader: some DatabaseReader) throws {
        let (lines, broken) = try reader.read { database in
            (
                try String.fetchAll(database, sql: "PRAGMA quick_check(20)"),
                try Row.fetchAll(database, sql: "PRAGMA foreign_key_check").count
            )
        }
        if lines != ["ok"] { throw VaultError.damaged(lines.joined(separator: "; ")) }
        if broken > 0 { throw VaultError.damaged("\(broken) records refer to others that are missing") }
    }

    /// Opens the database at `path`.
    package static func pool(path: String, readonly: Bool) throws -> DatabasePool {
        let pool = try DatabasePool(path: path, configuration: configuration(readonly: readonly))
        if !readonly {
            // The pool has lowered this on its writer, and a version that was reported as stored must survive.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
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
    static func requireKnownFormat(_ reader: some DatabaseReader) throws {
        let found = try reader.read { try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 }
        guard found <= StoreSchema.format else {
            throw VaultError.otherFormat(found: "\(found)", known: StoreSchema.format)
        }
    }
}
