-- The tables of attune.db, format 3. Made by StoreSchemaTests with ATTUNE_WRITE=1.

CREATE TABLE adapters (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    name TEXT NOT NULL,
    base BLOB NOT NULL CHECK (length(base) = 32),
    head INTEGER REFERENCES versions (seq),
    created INTEGER NOT NULL,
    trashed INTEGER NOT NULL DEFAULT 0 CHECK (trashed IN (0, 1))
, wire BLOB CHECK (length(wire) = 16)) STRICT;

CREATE INDEX adapters_head ON adapters (head);

CREATE UNIQUE INDEX adapters_live_name ON adapters (name) WHERE trashed = 0;

CREATE INDEX adapters_wire ON adapters (wire) WHERE wire IS NOT NULL;

CREATE TABLE blobs (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    key BLOB NOT NULL CHECK (length(key) = 32),
    size INTEGER NOT NULL CHECK (size >= 0),
    digest BLOB NOT NULL CHECK (length(digest) = 32)
, codec INTEGER NOT NULL DEFAULT 0 CHECK (codec IN (0, 1)), encoded_size INTEGER CHECK (encoded_size >= 0), state INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3), wanted INTEGER NOT NULL DEFAULT 0 CHECK (wanted IN (0, 1)), wire BLOB CHECK (length(wire) = 16)) STRICT, WITHOUT ROWID;

CREATE INDEX blobs_wanted ON blobs (id) WHERE state = 1 AND wanted = 1;

CREATE INDEX blobs_wire ON blobs (wire) WHERE wire IS NOT NULL;

CREATE TABLE chats (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    created INTEGER NOT NULL,
    trashed INTEGER NOT NULL DEFAULT 0 CHECK (trashed IN (0, 1))
) STRICT;

CREATE TABLE chunks (
    blob BLOB NOT NULL REFERENCES blobs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL CHECK (position >= 0),
    id BLOB NOT NULL CHECK (length(id) = 32),
    PRIMARY KEY (blob, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX chunks_id ON chunks (id);

CREATE TABLE claims (
    entry BLOB NOT NULL PRIMARY KEY CHECK (length(entry) = 32),
    version INTEGER NOT NULL REFERENCES versions (seq) ON DELETE CASCADE,
    device BLOB NOT NULL CHECK (length(device) = 16),
    lamport INTEGER NOT NULL,
    manifest TEXT NOT NULL,
    parents TEXT NOT NULL,
    blob BLOB NOT NULL REFERENCES blobs (id),
    created INTEGER NOT NULL,
    loss_before REAL,
    loss_after REAL,
    refused INTEGER NOT NULL DEFAULT 0 CHECK (refused IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX claims_blob ON claims (blob);

CREATE INDEX claims_version ON claims (version, device, refused, lamport);

CREATE TABLE documents (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    name TEXT NOT NULL,
    text BLOB NOT NULL,
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    added INTEGER NOT NULL,
    local INTEGER NOT NULL DEFAULT 1 CHECK (local = 1)
) STRICT;

CREATE TABLE entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    device BLOB NOT NULL CHECK (length(device) = 16),
    seq INTEGER NOT NULL CHECK (seq >= 1),
    kind INTEGER NOT NULL,
    lamport INTEGER NOT NULL CHECK (lamport >= 1),
    bytes BLOB NOT NULL,
    applied INTEGER NOT NULL DEFAULT 0 CHECK (applied BETWEEN 0 AND 2), arrived INTEGER, looked TEXT,
    UNIQUE (device, seq)
) STRICT;

CREATE INDEX entries_lamport ON entries (lamport);

CREATE INDEX entries_unapplied ON entries (number) WHERE applied = 0;

CREATE TABLE entry_heads (
    device BLOB NOT NULL PRIMARY KEY CHECK (length(device) = 16),
    seq INTEGER NOT NULL CHECK (seq >= 1),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_parents (
    event INTEGER NOT NULL REFERENCES events (seq) ON DELETE CASCADE,
    parent INTEGER NOT NULL REFERENCES events (seq) ON DELETE CASCADE,
    PRIMARY KEY (event, parent)
) STRICT, WITHOUT ROWID;

CREATE INDEX event_parents_parent ON event_parents (parent);

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
) STRICT;

CREATE INDEX events_drafts ON events (seq) WHERE entry IS NULL;

CREATE INDEX events_order ON events (adapter, kind, lamport, device);

CREATE INDEX events_tip_versions ON events (adapter, version) WHERE tip = 1;

CREATE INDEX events_tips ON events (adapter) WHERE tip = 1;

CREATE INDEX events_version ON events (adapter, version);

CREATE TABLE "evidence" (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    author BLOB NOT NULL CHECK (length(author) IN (0, 16)),
    device BLOB NOT NULL CHECK (length(device) = 16),
    number INTEGER NOT NULL,
    held BLOB NOT NULL,
    other BLOB NOT NULL,
    remote TEXT NOT NULL,
    settled INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1)),
    stops INTEGER NOT NULL CHECK (stops IN (0, 1)),
    time INTEGER NOT NULL,
    UNIQUE (kind, author, device, number, remote)
) STRICT;

CREATE TABLE identity (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    circle BLOB NOT NULL CHECK (length(circle) = 32),
    device BLOB NOT NULL CHECK (length(device) = 16),
    keys BLOB NOT NULL,
    joined INTEGER NOT NULL
) STRICT;

CREATE TABLE labels (
    adapter BLOB NOT NULL REFERENCES adapters (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    version INTEGER NOT NULL REFERENCES versions (seq) ON DELETE CASCADE,
    PRIMARY KEY (adapter, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX labels_version ON labels (version);

CREATE TABLE links (
    seq INTEGER PRIMARY KEY CHECK (seq >= 1),
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    bytes BLOB NOT NULL
, received INTEGER) STRICT;

CREATE TABLE messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    chat INTEGER NOT NULL REFERENCES chats (seq) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
    content BLOB NOT NULL,
    version BLOB CHECK (length(version) = 32),
    created INTEGER NOT NULL
) STRICT;

CREATE INDEX messages_chat ON messages (chat);

CREATE TABLE operations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    kind TEXT NOT NULL,
    description TEXT NOT NULL,
    subject TEXT NOT NULL,
    reversal TEXT,
    undone INTEGER NOT NULL DEFAULT 0 CHECK (undone IN (0, 1))
) STRICT;

CREATE TABLE people (
    circle BLOB NOT NULL PRIMARY KEY CHECK (length(circle) = 32),
    name TEXT NOT NULL UNIQUE,
    links BLOB NOT NULL,
    confirmed INTEGER NOT NULL DEFAULT 0 CHECK (confirmed IN (0, 1)),
    added INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pins (
    adapter BLOB NOT NULL PRIMARY KEY CHECK (length(adapter) = 16),
    policy TEXT NOT NULL CHECK (policy IN ('all', 'heads', 'none'))
) STRICT, WITHOUT ROWID;

CREATE TABLE received (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    person BLOB REFERENCES people (circle) ON DELETE SET NULL,
    name TEXT NOT NULL,
    base BLOB NOT NULL CHECK (length(base) = 32),
    version BLOB NOT NULL UNIQUE CHECK (length(version) = 32),
    manifest TEXT NOT NULL,
    blob BLOB NOT NULL REFERENCES blobs (id),
    arrived INTEGER NOT NULL
) STRICT;

CREATE INDEX received_blob ON received (blob);

CREATE TABLE remote_marks (
    remote TEXT NOT NULL,
    device BLOB NOT NULL CHECK (length(device) = 16),
    seq INTEGER NOT NULL CHECK (seq >= 1),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (remote, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_documents (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    document BLOB NOT NULL REFERENCES documents (digest),
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX run_documents_document ON run_documents (document);

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
) STRICT, WITHOUT ROWID;

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
) STRICT;

CREATE INDEX runs_checkpoint ON runs (checkpoint);

CREATE TABLE settings (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sync_log (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    level TEXT NOT NULL,
    remote TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;

CREATE TABLE trash (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('adapter', 'version', 'run', 'chat')),
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    trashed INTEGER NOT NULL,
    UNIQUE (kind, subject)
) STRICT;

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
) STRICT;

CREATE INDEX versions_blob ON versions (blob);

CREATE INDEX versions_id ON versions (id);

CREATE TABLE writers (
    seq INTEGER PRIMARY KEY,
    writer BLOB NOT NULL CHECK (length(writer) = 16),
    commits INTEGER NOT NULL,
    changed INTEGER NOT NULL
) STRICT;
