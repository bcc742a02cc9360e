// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import CPostgres
import NIOPosix
import Synchronization

/// PostgreSQL, shared by the nodes of a relay: a few connections, each on a thread of its own.
final class PostgresDatabase: RelayDatabase {
    private let address: String
    private let schema: String?
    private let threads: NIOThreadPool
    private let idle = Mutex<[PostgresConnection]>([])
    /// Connections, and threads, at most.
    private static let connections = 8
    /// Changes of one circle would only wait for each other, each on a connection.
    private let writes = CircleTurns(connections / 2, each: 1)
    private let reads = CircleTurns(connections / 2, each: connections / 4)

    /// Connects and makes the tables where they are missing.
    ///
    /// - Parameter now: unix seconds.
    /// - Throws: `RelayError` where the server does not answer, or has the tables of a newer program.
    init(_ address: String, schema: String?, now: Int64) async throws {
        self.address = address
        self.schema = schema
        threads = NIOThreadPool(numberOfThreads: Self.connections)
        threads.start()
        try await threads.runIfActive { [self] in
            try use { session in
                if let schema { try session.command("CREATE SCHEMA IF NOT EXISTS \(schema)") }
                try Self.prepare(session, now: now)
            }
        }
    }

    deinit { threads.shutdownGracefully { _ in } }

    private static func prepare(_ session: PostgresConnection, now: Int64) throws {
        try session.command("BEGIN")
        do {
            // One node makes the tables, the others wait.
            _ = try session.rows("SELECT 1 FROM pg_advisory_xact_lock(4707)")
            try session.command("CREATE TABLE IF NOT EXISTS attune_relay_version (version BIGINT PRIMARY KEY)")
            let version = try session.number("SELECT COALESCE(MAX(version), 0) FROM attune_relay_version")
            guard version <= RelaySchema.version else {
                throw RelayError.format("the database is that of a newer attune-relay")
            }
            if version == 0 {
                for statement in RelaySchema.tables(.postgres) + PostgresChunks.tables + PostgresMailboxes.tables {
                    try session.command(statement)
                }
                try session.run("INSERT INTO attune_relay_version VALUES ($1)", [.int(RelaySchema.version)])
            } else if version < RelaySchema.version {
                for statement in RelaySchema.migration(.postgres, from: version, now: now) {
                    try session.command(statement)
                }
                try session.run("UPDATE attune_relay_version SET version = $1", [.int(RelaySchema.version)])
            }
            for statement in PostgresMailboxes.additions { try session.command(statement) }
            try session.command("COMMIT")
        } catch {
            try? session.command("ROLLBACK")
            throw error
        }
    }

    /// On a thread of the pool: a connection for the time of `body`.
    private func use<Value>(_ body: (PostgresConnection) throws -> Value) throws -> Value {
        let connection = try idle.withLock { $0.popLast() } ?? connect()
        defer { if connection.isIdle { idle.withLock { $0.append(connection) } } }
        return try body(connection)
    }

    func read<Value: Sendable>(
        _ circle: CircleID?, _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        try await reads.run(for: circle) {
            try await transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", nil, body)
        }
    }

    func write<Value: Sendable>(
        _ circle: CircleID?, _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        try await writes.run(for: circle) { try await transaction("BEGIN", circle, body) }
    }

    private func transaction<Value: Sendable>(
        _ begin: String, _ circle: CircleID?, _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        try await threads.runIfActive { [self] in
            do {
                return try attempt(begin, circle, body)
            } catch let error as RelayError where error.kind == .unavailable {
                // A connection that the server has closed, or a deadlock that it has broken: once more on a new one.
                idle.withLock { $0.removeAll() }
                return try attempt(begin, circle, body)
            }
        }
    }

    private func attempt<Value>(
        _ begin: String, _ circle: CircleID?, _ body: (any SQLSession) throws -> Value
    ) throws -> Value {
        try use { session in
            try session.command(begin)
            do {
                if let circle {
                    let key = circle.bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                    _ = try session.rows("SELECT 1 FROM pg_advisory_xact_lock($1)", [.int(Int64(bitPattern: key))])
                }
                let value = try body(session)
                try session.command("COMMIT")
                return value
            } catch {
                try? session.command("ROLLBACK")
                throw error
            }
        }
    }

    /// A new connection.
    func connect() throws -> PostgresConnection {
        let connection = try PostgresConnection(address)
        if let schema { try connection.command("SET search_path = \(schema)") }
        return connection
    }

    /// Tells all nodes that circles have changed.
    func notify(_ payload: String) async throws {
        // A notification has less than 8,000 bytes and stands for itself: the changes are committed.
        try await threads.runIfActive { [self] in
            try use { session in try session.command("NOTIFY \(PostgresChanges.channel), '\(payload)'") }
        }
    }
}
