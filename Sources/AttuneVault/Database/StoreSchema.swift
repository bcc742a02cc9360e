// Attune
// SPDX-License-Identifier: Apache-2.0

import GRDB

/// The tables of the store and the steps that bring an older store up to date.
///
/// `schemas/store.sql` is the result of all steps; a test holds the two together.
enum StoreSchema {
    /// Number of the newest layout this program reads and writes, kept in `PRAGMA user_version`.
    static let format = 3

    /// Every step so far, in order; a released step is never edited.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            for statement in blobs + adapters + documents + runs + chats + journal {
                try database.execute(sql: statement)
            }
            try database.execute(sql: "PRAGMA user_version = 1")
        }
        migrator.registerMigration("2") { database in
            for statement in encodedBlobs + circle + logs + events + people {
                try database.execute(sql: statement)
            }
            try database.execute(sql: "PRAGMA user_version = 2")
        }
        migrator.registerMigration("3") { database in
            for statement in writers + linkTimes + authoredEvidence + claims {
                try database.execute(sql: statement)
            }
            try database.execute(sql: "PRAGMA user_version = 3")
        }
        return migrator
    }

    /// The statements that made the tables and indexes of `database`, sorted by name, as `schemas/store.sql` holds them.
    static func dump(_ database: Database) throws -> String {
        let statements = try String.fetchAll(
            database,
            sql: """
                SELECT sql FROM sqlite_schema
                WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name <> 'grdb_migrations'
                ORDER BY tbl_name, type DESC, name
                """)
        return statements.map { $0 + ";\n" }.joined(separator: "\n")
    }
}
