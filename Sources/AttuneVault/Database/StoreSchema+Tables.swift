// Attune
// SPDX-License-Identifier: Apache-2.0

/// Layout 1. Times are milliseconds since 1970 and are for display only: every order comes from `seq`.
///
/// Texts that people or models wrote are UTF-8 in BLOB columns: a TEXT value would end at its first zero byte.
extension StoreSchema {
    /// Sealed runs of bytes kept as files beside the database.
    static let blobs = [
        """
        CREATE TABLE blobs (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            key BLOB NOT NULL CHECK (length(key) = 32),
            size INTEGER NOT NULL CHECK (size >= 0),
            digest BLOB NOT NULL CHECK (length(digest) = 32)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE chunks (
            blob BLOB NOT NULL REFERENCES blobs (id) ON DELETE CASCADE,
            position INTEGER NOT NULL CHECK (position >= 0),
            id BLOB NOT NULL CHECK (length(id) = 32),
            PRIMARY KEY (blob, position)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX chunks_id ON chunks (id)",
    ]

    /// Names, the versions they point at, and labels.
    static let adapters = [
        """
        CREATE TABLE adapters (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
            name TEXT NOT NULL,
            base BLOB NOT NULL CHECK (length(base) = 32),
            head INTEGER REFERENCES versions (seq),
            created INTEGER NOT NULL,
            trashed INTEGER NOT NULL DEFAULT 0 CHECK (trashed IN (0, 1))
        ) STRICT
        """,
        "CREATE UNIQUE INDEX adapters_live_name ON adapters (name) WHERE trashed = 0",
        """
        CREATE TABLE versions (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id BLOB NOT NULL CHECK (length(id) = 32),
            adapter BLOB NOT NULL REFERENCES adapters (id),
            number INTEGER NOT NULL CHECK (number >= 1),
            parents TEXT NOT NULL,
            manifest TEXT NOT NULL,
            blob BLOB NOT NULL REFERENCES blobs (id),
            created INTEGER NOT NULL,
            run TEXT,
            loss_before REAL,
            loss_after REAL,
            trashed INTEGER NOT NULL DEFAULT 0 CHECK (trashed IN (0, 1)),
            UNIQUE (adapter, number),
            UNIQUE (adapter, id)
        ) STRICT
        """,
        "CREATE INDEX versions_id ON versions (id)",
        "CREATE INDEX versions_blob ON versions (blob)",
        """
        CREATE TABLE labels (
            adapter BLOB NOT NULL REFERENCES adapters (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            version INTEGER NOT NULL REFERENCES versions (seq) ON DELETE CASCADE,
            PRIMARY KEY (adapter, name)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX labels_version ON labels (version)",
    ]

    /// The person's own texts. `local` says that they never leave this device.
    static let documents = [
        """
        CREATE TABLE documents (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
            name TEXT NOT NULL,
            text BLOB NOT NULL,
            bytes INTEGER NOT NULL CHECK (bytes >= 0),
            added INTEGER NOT NULL,
            local INTEGER NOT NULL DEFAULT 1 CHECK (local = 1)
        ) STRICT
        """
    ]

    /// Training runs, what they measured, and what they were trained on.
    static let runs = [
        """
        CREATE TABLE runs (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            adapter TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('running', 'interrupted', 'finished', 'failed', 'accepted')),
            configuration TEXT NOT NULL,
            base BLOB NOT NULL CHECK (length(base) = 32),
            data BLOB NOT NULL CHECK (length(data) = 32),
            step INTEGER NOT NULL DEFAULT 0 CHECK (step >= 0),
            steps INTEGER NOT NULL CHECK (steps >= 0),
            started INTEGER NOT NULL,
            updated INTEGER NOT NULL,
            detail TEXT,
            version BLOB CHECK (length(version) = 32),
            checkpoint BLOB REFERENCES blobs (id),
            checkpoint_step INTEGER,
            trashed INTEGER NOT NULL DEFAULT 0 CHECK (trashed IN (0, 1))
        ) STRICT
        """,
        "CREATE INDEX runs_checkpoint ON runs (checkpoint)",
        """
        CREATE TABLE run_documents (
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            document BLOB NOT NULL REFERENCES documents (digest),
            PRIMARY KEY (run, position)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX run_documents_document ON run_documents (document)",
        """
        CREATE TABLE run_points (
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            kind TEXT NOT NULL CHECK (kind IN ('train', 'validation')),
            step INTEGER NOT NULL CHECK (step >= 0),
            loss REAL,
            rate REAL,
            gradient_norm REAL,
            tokens INTEGER NOT NULL,
            tokens_per_second REAL,
            PRIMARY KEY (run, kind, step)
        ) STRICT, WITHOUT ROWID
        """,
    ]

    /// Conversations.
    static let chats = [
        """
        CREATE TABLE chats (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            title TEXT NOT NULL,
            created INTEGER NOT NULL,
            trashed INTEGER NOT NULL DEFAULT 0 CHECK (trashed IN (0, 1))
        ) STRICT
        """,
        """
        CREATE TABLE messages (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            chat INTEGER NOT NULL REFERENCES chats (seq) ON DELETE CASCADE,
            role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
            content BLOB NOT NULL,
            version BLOB CHECK (length(version) = 32),
            created INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX messages_chat ON messages (chat)",
    ]

    /// The operation log, the trash and settings.
    static let journal = [
        """
        CREATE TABLE operations (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            time INTEGER NOT NULL,
            kind TEXT NOT NULL,
            description TEXT NOT NULL,
            subject TEXT NOT NULL,
            reversal TEXT,
            undone INTEGER NOT NULL DEFAULT 0 CHECK (undone IN (0, 1))
        ) STRICT
        """,
        """
        CREATE TABLE trash (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL CHECK (kind IN ('adapter', 'version', 'run', 'chat')),
            subject TEXT NOT NULL,
            name TEXT NOT NULL,
            trashed INTEGER NOT NULL,
            UNIQUE (kind, subject)
        ) STRICT
        """,
        """
        CREATE TABLE settings (
            key TEXT NOT NULL PRIMARY KEY,
            value TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
    ]

    /// How often the store was changed, and by which opening of it: what `attune.mark` is compared with.
    static let writers = [
        """
        CREATE TABLE writers (
            seq INTEGER PRIMARY KEY,
            writer BLOB NOT NULL CHECK (length(writer) = 16),
            commits INTEGER NOT NULL,
            changed INTEGER NOT NULL
        ) STRICT
        """
    ]
}
