// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation

/// A relay's store in a database, SQLite's or PostgreSQL's, with the bytes of chunks in files or beside it.
package final class SQLRelayStore: RelayStore {
    let database: any RelayDatabase
    let chunkBytes: any ChunkBytes
    let rules: RetentionRules
    /// Unix seconds.
    let now: @Sendable () -> Int64
    let watchers: ChangeWatchers
    let room: RelayRoom
    /// What tells of changes by other nodes, for as long as this store lives.
    private let others: (any Sendable)?

    init(
        database: any RelayDatabase, chunkBytes: any ChunkBytes, rules: RetentionRules, watchers: ChangeWatchers,
        folder: String? = nil, others: (any Sendable)? = nil, now: @escaping @Sendable () -> Int64
    ) {
        self.database = database
        self.chunkBytes = chunkBytes
        self.rules = rules
        self.watchers = watchers
        self.others = others
        self.now = now
        room = RelayRoom(database: database, rules: rules, folder: folder)
    }

    /// Runs a change of one circle and tells those who watch.
    func change<Value: Sendable>(
        _ circle: CircleID, _ body: @escaping @Sendable (any SQLSession, CircleRow) throws -> Value
    ) async throws -> Value {
        let value = try await database.write(circle) { session in
            guard let row = try CircleRow.find(circle, in: session) else { throw RelayError.noCircle }
            return try body(session, row)
        }
        watchers.tell(circle)
        return value
    }

    /// Reads one circle.
    func read<Value: Sendable>(
        _ circle: CircleID, _ body: @escaping @Sendable (any SQLSession, CircleRow) throws -> Value
    ) async throws -> Value {
        try await database.read(circle) { session in
            guard let row = try CircleRow.find(circle, in: session) else { throw RelayError.noCircle }
            return try body(session, row)
        }
    }

    package func changes() -> AsyncStream<CircleID?> { watchers.stream() }

    package func check() async throws {
        let now = now()
        try await database.write(nil) { session in
            _ = try session.run("UPDATE health SET checked = $1 WHERE id = 1", [.int(now)])
        }
    }
}

/// A circle's row: its number in other tables and its counts.
struct CircleRow: Sendable {
    let number: Int64
    let linkSeq: UInt64
    let link: LinkHash
    let entries: UInt64
    let bytes: UInt64
    /// A limit of its own, or nil.
    let quota: UInt64?
    /// Bytes of chunks that entries name.
    let kept: Int64
    /// Unix seconds at which it was deleted, or nil.
    let deleted: Int64?

    static func find(_ circle: CircleID, in session: any SQLSession) throws -> CircleRow? {
        let row = try session.first(
            "SELECT number, link_seq, link, entries, bytes, quota, kept, deleted FROM circles WHERE id = $1",
            [.id(circle)])
        guard let row, let link = row.id(2, as: LinkHash.self) else { return nil }
        return CircleRow(
            number: row.int(0), linkSeq: row.count(1), link: link, entries: row.count(3), bytes: row.count(4),
            quota: row.optionalInt(5).map { UInt64(max(0, $0)) }, kept: row.int(6), deleted: row.optionalInt(7))
    }
}
