// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import NIOCore

/// A value that a statement takes or gives.
enum SQLValue: Hashable, Sendable {
    case int(Int64)
    case bytes([UInt8])
    case null

    static func id(_ id: Identifier<some IdentifierKind>) -> SQLValue { .bytes(id.bytes) }
    static func count(_ count: UInt64) -> SQLValue { .int(Int64(clamping: count)) }
    static func optional(_ value: Int64?) -> SQLValue { value.map(SQLValue.int) ?? .null }
}

/// A row of a result, by column.
struct SQLRow: Sendable {
    let values: [SQLValue]

    /// 0 if the column is no number.
    func int(_ column: Int) -> Int64 { if case .int(let value) = values[column] { value } else { 0 } }

    /// Nil if the column is no number.
    func optionalInt(_ column: Int) -> Int64? { if case .int(let value) = values[column] { value } else { nil } }

    /// A count, which is never below zero.
    func count(_ column: Int) -> UInt64 { UInt64(max(0, int(column))) }

    /// Empty if the column has no bytes.
    func bytes(_ column: Int) -> [UInt8] { if case .bytes(let value) = values[column] { value } else { [] } }

    /// Nil if the column has no such id.
    func id<Kind>(_ column: Int, as type: Identifier<Kind>.Type = Identifier<Kind>.self) -> Identifier<Kind>? {
        Identifier(bytes(column))
    }
}

/// One connection inside a transaction. Statements are those that SQLite and PostgreSQL both read, with `$1` and so on.
protocol SQLSession {
    /// Rows of a query, at most until `body` returns false.
    func each(_ sql: String, _ arguments: [SQLValue], _ body: (SQLRow) throws -> Bool) throws

    /// Runs a change and returns the count of rows that it changed.
    @discardableResult
    func run(_ sql: String, _ arguments: [SQLValue]) throws -> Int
}

extension SQLSession {
    func rows(_ sql: String, _ arguments: [SQLValue] = []) throws -> [SQLRow] {
        var rows: [SQLRow] = []
        try each(sql, arguments) { row in
            rows.append(row)
            return true
        }
        return rows
    }

    func first(_ sql: String, _ arguments: [SQLValue] = []) throws -> SQLRow? {
        var found: SQLRow?
        try each(sql, arguments) { row in
            found = row
            return false
        }
        return found
    }

    func exists(_ sql: String, _ arguments: [SQLValue]) throws -> Bool { try first(sql, arguments) != nil }

    /// The number in the first column of the first row; 0 without one.
    func number(_ sql: String, _ arguments: [SQLValue] = []) throws -> Int64 { try first(sql, arguments)?.int(0) ?? 0 }
}

/// A database of a relay.
protocol RelayDatabase: Sendable {
    /// Runs queries on one consistent state.
    ///
    /// - Parameter circle: whose turn it takes; nil for queries of no circle.
    func read<Value: Sendable>(
        _ circle: CircleID?, _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value

    /// Runs changes that all happen or none, and returns once they are on disk.
    ///
    /// - Parameter circle: changes of one circle run one after the other, on all nodes.
    func write<Value: Sendable>(
        _ circle: CircleID?, _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value
}

/// Where the bytes of chunks lie.
protocol ChunkBytes: Sendable {
    /// Brings bytes to disk before the transaction that counts them.
    func prepare(_ bytes: ByteBuffer, id: ChunkID) async throws

    /// Inside the transaction that counts a chunk: keeps its bytes, or makes sure that they are there.
    func keep(_ bytes: ByteBuffer, id: ChunkID, circle: Int64, in session: any SQLSession) throws -> Bool

    /// The bytes of a chunk that was counted; nil if they are gone.
    func read(_ id: ChunkID, of circle: CircleID, number: Int64) async throws -> ByteBuffer?

    /// Inside a transaction after the one that took a chunk away: removes its bytes, unless a row counts them. An upload
    /// of the same bytes looks for them inside its own transaction.
    func remove(_ id: ChunkID, in session: any SQLSession) throws

    /// Inside a transaction: how many bytes of a chunk that the circle counts are there.
    func size(_ id: ChunkID, circle: Int64, in session: any SQLSession) throws -> Int

    /// Inside a transaction: how many bytes of a chunk are there, whole, that no circle counts.
    func unclaimedSize(_ id: ChunkID, in session: any SQLSession) throws -> Int

    /// Inside a transaction: whether the bytes of a chunk that the circle counts are those of its id, as far as they are
    /// there; not, where the disk has lost them.
    func isWhole(_ id: ChunkID, circle: Int64, in session: any SQLSession) throws -> Bool

    /// Inside the transaction that counts a chunk no more, because its bytes are not there: sets what is left of them
    /// aside.
    func discard(_ id: ChunkID, circle: Int64, in session: any SQLSession) throws

    /// Removes bytes older than `date` that nothing counts.
    func sweep(before date: Date, database: any RelayDatabase) async throws
}
