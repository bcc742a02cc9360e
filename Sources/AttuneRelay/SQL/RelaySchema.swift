// Attune
// SPDX-License-Identifier: Apache-2.0

/// The tables of a relay, for both databases.
enum RelaySchema {
    /// What is written differently.
    struct Dialect: Sendable {
        let bytes: String
        let serial: String
        /// What a table without a row number of its own ends with.
        let plain: String

        static let sqlite = Dialect(
            bytes: "BLOB", serial: "INTEGER PRIMARY KEY AUTOINCREMENT", plain: "WITHOUT ROWID")
        static let postgres = Dialect(
            bytes: "BYTEA", serial: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", plain: "")
    }

    /// Version 1 counted neither links nor rows, and found out what was in use when it released something; version 2 did
    /// not know since when it had a link.
    static let version: Int64 = 3

    private static let owner = "circle BIGINT NOT NULL REFERENCES circles (number) ON DELETE CASCADE"

    static func tables(_ dialect: Dialect) -> [String] {
        let (bytes, plain) = (dialect.bytes, dialect.plain)
        return [
            "CREATE TABLE health (id BIGINT PRIMARY KEY, checked BIGINT NOT NULL)",
            "INSERT INTO health VALUES (1, 0)",
            """
            CREATE TABLE circles (
                number \(dialect.serial), id \(bytes) NOT NULL UNIQUE, created BIGINT NOT NULL,
                link_seq BIGINT NOT NULL, link \(bytes) NOT NULL, entries BIGINT NOT NULL DEFAULT 0,
                bytes BIGINT NOT NULL DEFAULT 0, quota BIGINT, kept BIGINT NOT NULL DEFAULT 0, deleted BIGINT)
            """,
            """
            CREATE TABLE links (
                \(owner), seq BIGINT NOT NULL, hash \(bytes) NOT NULL, bytes \(bytes) NOT NULL,
                created BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (circle, seq)) \(plain)
            """,
            """
            CREATE TABLE entries (
                \(owner), position BIGINT NOT NULL, device \(bytes) NOT NULL, seq BIGINT NOT NULL,
                hash \(bytes) NOT NULL, released BIGINT NOT NULL DEFAULT 0, bytes \(bytes) NOT NULL,
                counted BIGINT NOT NULL DEFAULT 0, released_by BIGINT, PRIMARY KEY (circle, position))
            """,
            "CREATE UNIQUE INDEX entries_hash ON entries (circle, hash)",
            "CREATE INDEX entries_seq ON entries (circle, device, seq, position)",
            """
            CREATE TABLE heads (
                \(owner), device \(bytes) NOT NULL, seq BIGINT NOT NULL, hash \(bytes) NOT NULL,
                entries BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (circle, device)) \(plain)
            """,
            """
            CREATE TABLE chunks (
                \(owner), id \(bytes) NOT NULL, size BIGINT NOT NULL, created BIGINT NOT NULL,
                uses BIGINT NOT NULL DEFAULT 0, ends BIGINT, PRIMARY KEY (circle, id)) \(plain)
            """,
            "CREATE INDEX chunks_id ON chunks (id)",
            "CREATE TABLE invites (hash \(bytes) PRIMARY KEY, created BIGINT NOT NULL, used BIGINT) \(plain)",
        ] + additions(dialect)
    }

    /// What is alike in a new store and in one of version 1 that is brought up to date.
    private static func additions(_ dialect: Dialect) -> [String] {
        [
            // For each chunk that goes: when.
            "CREATE INDEX chunks_ends ON chunks (circle, ends) WHERE ends IS NOT NULL",
            "CREATE TABLE freed (\(owner), hour BIGINT NOT NULL, bytes BIGINT NOT NULL, PRIMARY KEY (circle, hour)) \(dialect.plain)",
            """
            CREATE TABLE due (
                number \(dialect.serial), \(owner), kind BIGINT NOT NULL, position BIGINT NOT NULL DEFAULT 0,
                upto BIGINT NOT NULL DEFAULT 0, device \(dialect.bytes), seq BIGINT, entry \(dialect.bytes))
            """,
            "CREATE INDEX due_circle ON due (circle, kind, number)",
        ]
    }

    /// Brings a store of an earlier version up to date: the links that it has count as old ones.
    ///
    /// - Parameter now: unix seconds; an upload that waits for its entry has a day from then, since the relay was stopped.
    static func migration(_ dialect: Dialect, from version: Int64, now: Int64) -> [String] {
        (version < 2 ? migrationToVersion2(dialect, now: now) : [])
            + ["ALTER TABLE links ADD COLUMN created BIGINT NOT NULL DEFAULT 0"]
    }

    /// What entries name is counted afterwards, in pieces, by what `due` says: nothing is collected before that.
    private static func migrationToVersion2(_ dialect: Dialect, now: Int64) -> [String] {
        let (grace, unnamed) = (RetentionRules().grace, RetentionRules().unnamedUploads)
        return [
            "ALTER TABLE circles ADD COLUMN kept BIGINT NOT NULL DEFAULT 0",
            "ALTER TABLE circles ADD COLUMN deleted BIGINT",
            "ALTER TABLE entries ADD COLUMN counted BIGINT NOT NULL DEFAULT 0",
            "ALTER TABLE entries ADD COLUMN released_by BIGINT",
            "ALTER TABLE heads ADD COLUMN entries BIGINT NOT NULL DEFAULT 0",
            "ALTER TABLE chunks ADD COLUMN uses BIGINT NOT NULL DEFAULT 0",
            "ALTER TABLE chunks ADD COLUMN ends BIGINT",
            "UPDATE chunks SET ends = COALESCE(released + \(grace), \(now + unnamed))",
            "ALTER TABLE chunks DROP COLUMN released",
        ] + additions(dialect) + [
            """
            INSERT INTO freed (circle, hour, bytes)
            SELECT circle, time - time % 3600, SUM(bytes) FROM releases GROUP BY circle, time - time % 3600
            """,
            "DROP TABLE releases",
            "DROP TABLE entry_chunks",
            """
            UPDATE heads SET entries = (
                SELECT COUNT(*) FROM entries WHERE entries.circle = heads.circle AND entries.device = heads.device)
            """,
            """
            UPDATE circles SET bytes =
                (SELECT COALESCE(SUM(LENGTH(bytes) + \(RowCost.link)), 0) FROM links WHERE circle = number)
                + (SELECT COALESCE(SUM(LENGTH(bytes) + \(RowCost.entry)), 0) FROM entries WHERE circle = number)
                + (SELECT COALESCE(SUM(size + \(RowCost.chunk)), 0) FROM chunks WHERE circle = number)
            """,
            """
            INSERT INTO due (circle, kind, upto)
            SELECT number, \(DueWork.Kind.name.rawValue), entries FROM circles WHERE entries > 0
            """,
            """
            INSERT INTO due (circle, kind, position)
            SELECT circle, \(DueWork.Kind.release.rawValue), position FROM entries WHERE released = 2
            ORDER BY circle, position
            """,
            "UPDATE entries SET released = 0 WHERE released = 2",
        ]
    }
}
