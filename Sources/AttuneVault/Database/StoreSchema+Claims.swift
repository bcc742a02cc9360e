// Attune
// SPDX-License-Identifier: Apache-2.0

/// Who said what, so that the word of one device can be taken back without another's.
extension StoreSchema {
    /// Evidence with its author, beside the device that it is about. What was kept before is opened to find its author.
    static let authoredEvidence = [
        """
        CREATE TABLE authored (
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
        ) STRICT
        """,
        """
        INSERT INTO authored (seq, kind, author, device, number, held, other, remote, settled, stops, time)
        SELECT seq, kind, CASE WHEN kind IN ('fork', 'linkFork', 'tensors') THEN device ELSE x'' END, device, number,
            held, other, remote, settled, kind IN ('fork', 'rollback'), time
        FROM evidence
        """,
        "DROP TABLE evidence",
        "ALTER TABLE authored RENAME TO evidence",
        // Names that stood still for the word of one device about another's log go on.
        "INSERT INTO settings (key, value) SELECT 'sync.held-names', '1' WHERE EXISTS (SELECT 1 FROM evidence)",
    ]

    /// What each entry says of a version. A version shows one of its claims until bytes prove one.
    ///
    /// An adapter is known by its id and its base, a run of bytes by all that is said of it: so nothing that one device
    /// says takes the place of what another says under the same id. `wire` is the id that devices use among themselves
    /// where another one has it here; NULL if it is the same.
    static let claims = [
        "ALTER TABLE adapters ADD COLUMN wire BLOB CHECK (length(wire) = 16)",
        "CREATE INDEX adapters_wire ON adapters (wire) WHERE wire IS NOT NULL",
        "ALTER TABLE blobs ADD COLUMN wire BLOB CHECK (length(wire) = 16)",
        "CREATE INDEX blobs_wire ON blobs (wire) WHERE wire IS NOT NULL",
        """
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
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX claims_version ON claims (version, device, refused, lamport)",
        "CREATE INDEX claims_blob ON claims (blob)",
        // What stands here is what the first entry said that named the version; what later ones said is read once more.
        """
        INSERT INTO claims
            (entry, version, device, lamport, manifest, parents, blob, created, loss_before, loss_after, refused)
        SELECT e.entry, v.seq, e.device, e.lamport, v.manifest, v.parents, v.blob, v.created, v.loss_before,
            v.loss_after, b.state = 3
        FROM events e JOIN versions v ON v.adapter = e.adapter AND v.id = e.version JOIN blobs b ON b.id = v.blob
        WHERE e.kind = 'version' AND e.entry IS NOT NULL AND e.device IS NOT NULL AND e.lamport IS NOT NULL
            AND e.seq = (SELECT MIN(o.seq) FROM events o
                WHERE o.adapter = e.adapter AND o.version = e.version AND o.kind = 'version')
        """,
        """
        UPDATE entries SET applied = 0 WHERE hash IN (
            SELECT e.entry FROM events e JOIN versions v ON v.adapter = e.adapter AND v.id = e.version
            JOIN blobs b ON b.id = v.blob
            WHERE e.kind = 'version' AND b.state <> 0 AND e.entry NOT IN (SELECT entry FROM claims))
        """,
        // The name that a version was published under: what an adapter is called where nobody gave it another.
        """
        UPDATE events SET name = (SELECT a.name FROM adapters a WHERE a.id = events.adapter)
        WHERE kind = 'version'
            AND NOT EXISTS (SELECT 1 FROM events n WHERE n.adapter = events.adapter AND n.kind = 'name')
        """,
        // What is said of one adapter is found in the order in which it counts, however much one device says.
        "CREATE INDEX events_order ON events (adapter, kind, lamport, device)",
        "DROP INDEX events_adapter",
        // Whether a version is one of the heads, however many heads there are and however often it was said.
        "CREATE INDEX events_tip_versions ON events (adapter, version) WHERE tip = 1",
        // A version goes without looking at every adapter.
        "CREATE INDEX adapters_head ON adapters (head)",
        "ALTER TABLE entries ADD COLUMN arrived INTEGER",
        // With what program and keys an entry that waits was looked at last.
        "ALTER TABLE entries ADD COLUMN looked TEXT",
        // What was refused because another device had said the id first is looked at once more.
        "UPDATE entries SET applied = 0 WHERE applied = 2",
    ]
}
