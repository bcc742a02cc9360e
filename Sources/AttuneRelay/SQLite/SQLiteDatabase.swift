// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// SQLite in WAL mode: readers beside one writer, whose changes are on disk when they are answered.
struct SQLiteDatabase: RelayDatabase {
    private let pool: DatabasePool
    private let commits: CommitQueue
    private let reads = CircleTurns(Self.readers, each: Self.readers / 2)
    private static let readers = 4

    /// Opens or makes a database, and brings one of an earlier program up to date.
    ///
    /// - Parameter now: unix seconds.
    /// - Throws: if the file cannot be used, or is that of a newer program.
    init(path: String, now: Int64) throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(30)
        configuration.maximumReaderCount = Self.readers
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA trusted_schema = OFF")
            try database.execute(sql: "PRAGMA temp_store = MEMORY")
        }
        // By name, because a process may have another file system layer as its default one.
        let address = URL(fileURLWithPath: path).absoluteString + "?vfs=unix"
        pool = try DatabasePool(path: address, configuration: configuration)
        try pool.writeWithoutTransaction { database in
            // The pool turned it down for WAL; an answer here means that the change survives a loss of power.
            try database.execute(sql: "PRAGMA synchronous = FULL")
            try database.execute(sql: "PRAGMA journal_size_limit = 16777216")
            try database.inTransaction(.immediate) {
                let version = try Int64.fetchOne(database, sql: "PRAGMA user_version") ?? 0
                guard version <= RelaySchema.version else {
                    throw RelayError.format("\(path) is that of a newer attune-relay")
                }
                if version < RelaySchema.version {
                    let statements =
                        version == 0
                        ? RelaySchema.tables(.sqlite) : RelaySchema.migration(.sqlite, from: version, now: now)
                    for statement in statements { try database.execute(sql: statement) }
                    try database.execute(sql: "PRAGMA user_version = \(RelaySchema.version)")
                }
                return .commit
            }
        }
        commits = CommitQueue(pool)
    }

    func read<Value: Sendable>(
        _ circle: CircleID?, _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        do {
            return try await reads.run(for: circle) {
                try await pool.read { try body(SQLiteSession(database: $0)) }
            }
        } catch {
            throw Self.translated(error)
        }
    }

    func write<Value: Sendable>(
        _ circle: CircleID?, _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        do {
            return try await commits.commit(for: circle) { try body(SQLiteSession(database: $0)) }
        } catch {
            throw Self.translated(error)
        }
    }

    private static func translated(_ error: any Error) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        switch error.resultCode {
        case .SQLITE_FULL: return RelayError.diskFull
        case .SQLITE_BUSY, .SQLITE_IOERR, .SQLITE_READONLY, .SQLITE_CANTOPEN: return RelayError.unavailable(error)
        default: return error
        }
    }
}

/// A connection of GRDB.
private struct SQLiteSession: SQLSession {
    let database: Database

    func each(_ sql: String, _ arguments: [SQLValue], _ body: (SQLRow) throws -> Bool) throws {
        let cursor = try Row.fetchCursor(
            try database.cachedStatement(sql: sql), arguments: Self.bound(arguments))
        while let row = try cursor.next() {
            let values: [SQLValue] = row.databaseValues.map { value in
                switch value.storage {
                case .int64(let number): .int(number)
                case .blob(let data): .bytes(Array(data))
                default: .null
                }
            }
            guard try body(SQLRow(values: values)) else { return }
        }
    }

    func run(_ sql: String, _ arguments: [SQLValue]) throws -> Int {
        try database.cachedStatement(sql: sql).execute(arguments: Self.bound(arguments))
        return database.changesCount
    }

    private static func bound(_ arguments: [SQLValue]) -> StatementArguments {
        var named: [String: (any DatabaseValueConvertible)?] = [:]
        for (index, argument) in arguments.enumerated() {
            switch argument {
            case .int(let number): named[String(index + 1)] = number
            case .bytes(let bytes): named[String(index + 1)] = Data(bytes)
            case .null: named[String(index + 1)] = .some(nil)
            }
        }
        return StatementArguments(named)
    }
}
