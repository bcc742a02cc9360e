// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// A place in the history of all changes to one store.
///
/// The table `writers` has a row for each stretch of changes by one open store; each transaction counts on in the newest
/// row, so a position lives in the database and moves with everything that is stored. What was opened for writing has
/// an id of its own: two copies of a store that were used apart differ in it, also where their counts are equal.
struct StorePosition: Equatable, Sendable {
    /// How many stretches the database remembers.
    static let kept: Int64 = 64

    /// Number of the stretch, from 1.
    let stretch: Int64
    /// Who wrote it, 16 random bytes for each opening.
    let writer: [UInt8]
    /// Transactions of this stretch so far.
    let commits: Int64
    /// When the newest one was, in milliseconds since 1970; for display.
    let changed: Int64

    /// True if this position is behind `other` on the same way.
    func precedes(_ other: StorePosition) -> Bool { (stretch, commits) < (other.stretch, other.commits) }

    /// Whether a store has come by this position, by what it remembers of its own.
    func isPassed(by remembered: [StorePosition]) -> Bool {
        guard let same = remembered.first(where: { $0.stretch == stretch }) else {
            return remembered.last.map { stretch < $0.stretch } ?? false
        }
        return same.writer == writer && commits <= same.commits
    }

    /// The positions that the database remembers, newest first; none in a store that did not count them yet.
    static func remembered(_ database: Database) throws -> [StorePosition] {
        guard try database.tableExists("writers") else { return [] }
        return try Row.fetchAll(database, sql: "SELECT * FROM writers ORDER BY seq DESC").map(StorePosition.init)
    }

    private init(_ row: Row) throws {
        self.init(
            stretch: try row.value("seq"), writer: try row.bytes("writer"), commits: try row.value("commits"),
            changed: try row.value("changed"))
    }

    init(stretch: Int64, writer: [UInt8], commits: Int64, changed: Int64) {
        self.stretch = stretch
        self.writer = writer
        self.commits = commits
        self.changed = changed
    }

    /// Counts the transaction under way; the position that the database has once it is committed.
    static func advance(_ database: Database, writer: [UInt8], at time: Int64) throws -> StorePosition {
        let newest = try Row.fetchOne(
            database.cachedStatement(sql: "SELECT * FROM writers ORDER BY seq DESC LIMIT 1")
        ).map(StorePosition.init)
        if let newest, newest.writer == writer {
            let next = StorePosition(
                stretch: newest.stretch, writer: writer, commits: newest.commits + 1, changed: time)
            try database.cachedStatement(sql: "UPDATE writers SET commits = ?, changed = ? WHERE seq = ?").execute(
                arguments: [next.commits, time, next.stretch])
            return next
        }
        let next = StorePosition(stretch: (newest?.stretch ?? 0) + 1, writer: writer, commits: 1, changed: time)
        try database.execute(
            sql: "INSERT INTO writers (seq, writer, commits, changed) VALUES (?, ?, 1, ?)",
            arguments: [next.stretch, Data(writer), time])
        try database.execute(sql: "DELETE FROM writers WHERE seq <= ?", arguments: [next.stretch - kept])
        return next
    }
}
