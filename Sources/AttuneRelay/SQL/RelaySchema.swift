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

    /// The only version so far.
    static let version: Int64 = 1

    static func tables(_ dialect: Dialect) -> [String] {
        let (bytes, plain) = (dialect.bytes, dialect.plain)
        let owner = "circle BIGINT NOT NULL REFERENCES circles (number) ON DELETE CASCADE"
        return [
            "CREATE TABLE health (id BIGINT PRIMARY KEY, checked BIGINT NOT NULL)",
            "INSERT INTO health VALUES (1, 0)",
            """
            CREATE TABLE circles (
                number \(dialect.serial), id \(bytes) NOT NULL UNIQUE, created BIGINT NOT NULL,
                link_seq BIGINT NOT NULL, link \(bytes) NOT NULL, entries BIGINT NOT NULL DEFAULT 0,
                bytes BIGINT NOT NULL DEFAULT 0, quota BIGINT)
            """,
            """
            CREATE TABLE links (
                \(owner), seq BIGINT NOT NULL, hash \(bytes) NOT NULL, bytes \(bytes) NOT NULL,
                PRIMARY KEY (circle, seq)) \(plain)
            """,
            """
            CREATE TABLE entries (
                \(owner), position BIGINT NOT NULL, device \(bytes) NOT NULL, seq BIGINT NOT NULL,
                hash \(bytes) NOT NULL, released BIGINT NOT NULL DEFAULT 0, bytes \(bytes) NOT NULL,
                PRIMARY KEY (circle, position))
            """,
            "CREATE UNIQUE INDEX entries_hash ON entries (circle, hash)",
            "CREATE INDEX entries_seq ON entries (circle, device, seq, position)",
            """
            CREATE TABLE heads (
                \(owner), device \(bytes) NOT NULL, seq BIGINT NOT NULL, hash \(bytes) NOT NULL,
                PRIMARY KEY (circle, device)) \(plain)
            """,
            """
            CREATE TABLE entry_chunks (
                \(owner), chunk \(bytes) NOT NULL, position BIGINT NOT NULL,
                PRIMARY KEY (circle, chunk, position)) \(plain)
            """,
            "CREATE INDEX entry_chunks_position ON entry_chunks (circle, position)",
            """
            CREATE TABLE chunks (
                \(owner), id \(bytes) NOT NULL, size BIGINT NOT NULL, created BIGINT NOT NULL, released BIGINT,
                PRIMARY KEY (circle, id)) \(plain)
            """,
            "CREATE INDEX chunks_id ON chunks (id)",
            "CREATE TABLE releases (\(owner), time BIGINT NOT NULL, bytes BIGINT NOT NULL)",
            "CREATE INDEX releases_circle ON releases (circle, time)",
            "CREATE TABLE invites (hash \(bytes) PRIMARY KEY, created BIGINT NOT NULL, used BIGINT) \(plain)",
        ]
    }
}
