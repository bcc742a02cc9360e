// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import GRDB
import NIOCore
import Synchronization

/// A relay's store in one folder: `relay.db` for links, entries and counts, `chunks/` for the bytes.
package final class SQLiteRelayStore: RelayStore {
    let pool: DatabasePool
    let commits: CommitQueue
    let files: ChunkFiles
    let rules: RetentionRules
    /// Unix seconds.
    let now: @Sendable () -> Int64
    private let watchers = ChangeWatchers()

    /// Opens or makes the store.
    ///
    /// - Parameters:
    ///   - isAlone: whether no other process uploads, so that what a crash left half written can go.
    ///   - now: unix seconds; the system's clock by default.
    /// - Throws: `RelayError` where the folder cannot be used, or holds the store of a newer program.
    package init(
        folder: String, rules: RetentionRules = RetentionRules(), isAlone: Bool = true,
        now: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
    ) throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        files = try ChunkFiles(folder: folder + "/chunks", isAlone: isAlone)
        var configuration = Configuration()
        configuration.busyMode = .timeout(30)
        configuration.maximumReaderCount = 4
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA trusted_schema = OFF")
            try database.execute(sql: "PRAGMA temp_store = MEMORY")
        }
        pool = try DatabasePool(path: folder + "/relay.db", configuration: configuration)
        try pool.writeWithoutTransaction { database in
            // The pool turned it down for WAL; an answer here means that the change survives a loss of power.
            try database.execute(sql: "PRAGMA synchronous = FULL")
            try database.execute(sql: "PRAGMA journal_size_limit = 16777216")
        }
        guard try pool.read({ try Self.migrator.hasBeenSuperseded($0) }) == false else {
            throw RelayError.format("\(folder) holds data of a newer attune-relay")
        }
        try Self.migrator.migrate(pool)
        commits = CommitQueue(pool)
        self.rules = rules
        self.now = now
    }

    /// Runs a change of one circle and tells those who watch.
    func change<Value: Sendable>(
        _ circle: Digest256, _ body: @escaping @Sendable (Database, CircleRow) throws -> Value
    ) async throws -> Value {
        do {
            let value = try await commits.commit { database in
                guard let row = try CircleRow.find(circle, in: database) else { throw RelayError.noCircle }
                return try body(database, row)
            }
            watchers.tell(circle)
            return value
        } catch {
            throw Self.translated(error)
        }
    }

    /// Reads one circle.
    func read<Value: Sendable>(
        _ circle: Digest256, _ body: @escaping @Sendable (Database, CircleRow) throws -> Value
    ) async throws -> Value {
        do {
            return try await pool.read { database in
                guard let row = try CircleRow.find(circle, in: database) else { throw RelayError.noCircle }
                return try body(database, row)
            }
        } catch {
            throw Self.translated(error)
        }
    }

    /// Runs blocking work of files on a thread of its own pool.
    func onFiles<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await BlockingWork.run(work)
    }

    static func translated(_ error: any Error) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        switch error.resultCode {
        case .SQLITE_FULL: return RelayError.diskFull
        case .SQLITE_BUSY, .SQLITE_IOERR, .SQLITE_READONLY, .SQLITE_CANTOPEN: return RelayError.unavailable(error)
        default: return error
        }
    }

    package func changes() -> AsyncStream<Digest256> { watchers.stream() }

    package func check() async throws {
        _ = try await commits.commit { database in
            try database.execute(sql: "UPDATE meta SET checked = ?", arguments: [self.now()])
        }
    }
}

/// A circle's row: its number in other tables and its counts.
struct CircleRow: Sendable {
    let number: Int64
    let linkSeq: UInt64
    let link: Digest256
    let entries: UInt64
    let bytes: UInt64
    /// A limit of its own, or nil.
    let quota: UInt64?

    static func find(_ circle: Digest256, in database: Database) throws -> CircleRow? {
        let statement = try database.cachedStatement(
            sql: "SELECT number, link_seq, link, entries, bytes, quota FROM circles WHERE id = ?")
        guard let row = try Row.fetchOne(statement, arguments: [Data(circle.bytes)]),
            let link = Digest256(row["link"] as Data)
        else { return nil }
        let quota: Int64? = row["quota"]
        return CircleRow(
            number: row["number"], linkSeq: UInt64(row["link_seq"] as Int64), link: link,
            entries: UInt64(row["entries"] as Int64), bytes: UInt64(row["bytes"] as Int64),
            quota: quota.map(UInt64.init))
    }
}
