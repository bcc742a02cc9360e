// Attune
// SPDX-License-Identifier: Apache-2.0

import GRDB

extension SQLiteRelayStore {
    /// The tables, by version.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE meta (only INTEGER PRIMARY KEY CHECK (only = 1), checked INTEGER NOT NULL);
                    INSERT INTO meta VALUES (1, 0);
                    CREATE TABLE circles (
                        number INTEGER PRIMARY KEY AUTOINCREMENT,
                        id BLOB NOT NULL UNIQUE,
                        created INTEGER NOT NULL,
                        link_seq INTEGER NOT NULL,
                        link BLOB NOT NULL,
                        entries INTEGER NOT NULL DEFAULT 0,
                        bytes INTEGER NOT NULL DEFAULT 0,
                        quota INTEGER);
                    CREATE TABLE links (
                        circle INTEGER NOT NULL REFERENCES circles ON DELETE CASCADE,
                        seq INTEGER NOT NULL,
                        hash BLOB NOT NULL,
                        bytes BLOB NOT NULL,
                        PRIMARY KEY (circle, seq)) WITHOUT ROWID;
                    CREATE TABLE entries (
                        circle INTEGER NOT NULL REFERENCES circles ON DELETE CASCADE,
                        position INTEGER NOT NULL,
                        device BLOB NOT NULL,
                        seq INTEGER NOT NULL,
                        hash BLOB NOT NULL,
                        released INTEGER NOT NULL DEFAULT 0,
                        bytes BLOB NOT NULL,
                        PRIMARY KEY (circle, position));
                    CREATE UNIQUE INDEX entries_hash ON entries (circle, hash);
                    CREATE INDEX entries_seq ON entries (circle, device, seq, position);
                    CREATE TABLE heads (
                        circle INTEGER NOT NULL REFERENCES circles ON DELETE CASCADE,
                        device BLOB NOT NULL,
                        seq INTEGER NOT NULL,
                        hash BLOB NOT NULL,
                        PRIMARY KEY (circle, device)) WITHOUT ROWID;
                    CREATE TABLE entry_chunks (
                        circle INTEGER NOT NULL REFERENCES circles ON DELETE CASCADE,
                        chunk BLOB NOT NULL,
                        position INTEGER NOT NULL,
                        PRIMARY KEY (circle, chunk, position)) WITHOUT ROWID;
                    CREATE INDEX entry_chunks_position ON entry_chunks (circle, position);
                    CREATE TABLE chunks (
                        circle INTEGER NOT NULL REFERENCES circles ON DELETE CASCADE,
                        id BLOB NOT NULL,
                        size INTEGER NOT NULL,
                        created INTEGER NOT NULL,
                        released INTEGER,
                        PRIMARY KEY (circle, id)) WITHOUT ROWID;
                    CREATE INDEX chunks_id ON chunks (id);
                    CREATE TABLE releases (
                        circle INTEGER NOT NULL REFERENCES circles ON DELETE CASCADE,
                        time INTEGER NOT NULL,
                        bytes INTEGER NOT NULL);
                    CREATE INDEX releases_circle ON releases (circle, time);
                    CREATE TABLE invites (hash BLOB PRIMARY KEY, created INTEGER NOT NULL, used INTEGER) WITHOUT ROWID;
                    """)
        }
        return migrator
    }
}
