// Attune
// SPDX-License-Identifier: Apache-2.0

/// Layout 2: versions travel between devices.
extension StoreSchema {
    /// How a blob's bytes are encoded, and whether they are here. What layout 1 stored is encoded as it is.
    static let encodedBlobs = [
        "ALTER TABLE blobs ADD COLUMN codec INTEGER NOT NULL DEFAULT 0 CHECK (codec IN (0, 1))",
        "ALTER TABLE blobs ADD COLUMN encoded_size INTEGER CHECK (encoded_size >= 0)",
        "ALTER TABLE blobs ADD COLUMN state INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3)",
        "ALTER TABLE blobs ADD COLUMN wanted INTEGER NOT NULL DEFAULT 0 CHECK (wanted IN (0, 1))",
        "CREATE INDEX blobs_wanted ON blobs (id) WHERE state = 1 AND wanted = 1",
    ]

    /// This device in its circle, and the circle's devices.
    static let circle = [
        """
        CREATE TABLE identity (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            circle BLOB NOT NULL CHECK (length(circle) = 32),
            device BLOB NOT NULL CHECK (length(device) = 16),
            keys BLOB NOT NULL,
            joined INTEGER NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE links (
            seq INTEGER PRIMARY KEY CHECK (seq >= 1),
            hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
            bytes BLOB NOT NULL
        ) STRICT
        """,
    ]

    /// The logs of all devices, as signed, and where each ends.
    static let logs = [
        """
        CREATE TABLE entries (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
            device BLOB NOT NULL CHECK (length(device) = 16),
            seq INTEGER NOT NULL CHECK (seq >= 1),
            kind INTEGER NOT NULL,
            lamport INTEGER NOT NULL CHECK (lamport >= 1),
            bytes BLOB NOT NULL,
            applied INTEGER NOT NULL DEFAULT 0 CHECK (applied BETWEEN 0 AND 2),
            UNIQUE (device, seq)
        ) STRICT
        """,
        "CREATE INDEX entries_lamport ON entries (lamport)",
        "CREATE INDEX entries_unapplied ON entries (number) WHERE applied = 0",
        """
        CREATE TABLE entry_heads (
            device BLOB NOT NULL PRIMARY KEY CHECK (length(device) = 16),
            seq INTEGER NOT NULL CHECK (seq >= 1),
            hash BLOB NOT NULL CHECK (length(hash) = 32)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE remote_marks (
            remote TEXT NOT NULL,
            device BLOB NOT NULL CHECK (length(device) = 16),
            seq INTEGER NOT NULL CHECK (seq >= 1),
            hash BLOB NOT NULL CHECK (length(hash) = 32),
            PRIMARY KEY (remote, device)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE evidence (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            device BLOB NOT NULL CHECK (length(device) = 16),
            number INTEGER NOT NULL,
            held BLOB NOT NULL,
            other BLOB NOT NULL,
            remote TEXT NOT NULL,
            settled INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1)),
            time INTEGER NOT NULL,
            UNIQUE (kind, device, number, remote)
        ) STRICT
        """,
        """
        CREATE TABLE sync_log (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            time INTEGER NOT NULL,
            level TEXT NOT NULL,
            remote TEXT NOT NULL,
            text TEXT NOT NULL
        ) STRICT
        """,
    ]

    /// What happened to adapters, here and elsewhere. A row without `entry` waits to be published.
    static let events = [
        """
        CREATE TABLE events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            adapter BLOB NOT NULL CHECK (length(adapter) = 16),
            kind TEXT NOT NULL CHECK (kind IN ('version', 'head', 'name', 'trashed', 'release')),
            version BLOB CHECK (length(version) = 32),
            name TEXT,
            trashed INTEGER CHECK (trashed IN (0, 1)),
            released TEXT,
            entry BLOB UNIQUE CHECK (length(entry) = 32),
            device BLOB CHECK (length(device) = 16),
            lamport INTEGER,
            tip INTEGER NOT NULL DEFAULT 0 CHECK (tip IN (0, 1))
        ) STRICT
        """,
        "CREATE INDEX events_adapter ON events (adapter, kind)",
        "CREATE INDEX events_version ON events (adapter, version)",
        "CREATE INDEX events_tips ON events (adapter) WHERE tip = 1",
        "CREATE INDEX events_drafts ON events (seq) WHERE entry IS NULL",
        """
        CREATE TABLE event_parents (
            event INTEGER NOT NULL REFERENCES events (seq) ON DELETE CASCADE,
            parent INTEGER NOT NULL REFERENCES events (seq) ON DELETE CASCADE,
            PRIMARY KEY (event, parent)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX event_parents_parent ON event_parents (parent)",
        """
        CREATE TABLE pins (
            adapter BLOB NOT NULL PRIMARY KEY CHECK (length(adapter) = 16),
            policy TEXT NOT NULL CHECK (policy IN ('all', 'heads', 'none'))
        ) STRICT, WITHOUT ROWID
        """,
    ]

    /// Other people, and what came from them and was not taken in yet.
    static let people = [
        """
        CREATE TABLE people (
            circle BLOB NOT NULL PRIMARY KEY CHECK (length(circle) = 32),
            name TEXT NOT NULL UNIQUE,
            links BLOB NOT NULL,
            confirmed INTEGER NOT NULL DEFAULT 0 CHECK (confirmed IN (0, 1)),
            added INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE received (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            person BLOB REFERENCES people (circle) ON DELETE SET NULL,
            name TEXT NOT NULL,
            base BLOB NOT NULL CHECK (length(base) = 32),
            version BLOB NOT NULL UNIQUE CHECK (length(version) = 32),
            manifest TEXT NOT NULL,
            blob BLOB NOT NULL REFERENCES blobs (id),
            arrived INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX received_blob ON received (blob)",
    ]

    /// Layout 3: when a link came here, in milliseconds.
    static let linkTimes = ["ALTER TABLE links ADD COLUMN received INTEGER"]
}
