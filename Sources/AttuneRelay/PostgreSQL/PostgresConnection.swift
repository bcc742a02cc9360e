// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CPostgres
import Foundation

/// One connection to PostgreSQL through libpq; used by one thread at a time.
final class PostgresConnection: @unchecked Sendable {  // whoever has it from the pool has it alone
    private let connection: OpaquePointer

    /// - Parameter address: a connection URI, or keywords and values.
    /// - Throws: `RelayError.unavailable`.
    init(_ address: String) throws {
        // What the address says comes last and goes before. A server that is gone without a word is noticed within half a
        // minute, whatever the connection is at.
        let settings = [
            ("connect_timeout", "10"), ("keepalives_idle", "10"), ("keepalives_interval", "5"),
            ("keepalives_count", "3"), ("tcp_user_timeout", "20000"), ("dbname", address),
        ]
        let opened = Self.withPointers(settings.map { Array($0.0.utf8CString) } + [nil]) { names in
            Self.withPointers(settings.map { Array($0.1.utf8CString) } + [nil]) { PQconnectdbParams(names, $0, 1) }
        }
        guard let connection = opened else { throw RelayError.unavailable(nil) }
        self.connection = connection
        guard PQstatus(connection) == CONNECTION_OK else { throw failure(nil) }
        // What the server has to tell goes into errors, not to the terminal.
        PQsetNoticeProcessor(connection, { _, _ in }, nil)
    }

    deinit { PQfinish(connection) }

    var isBroken: Bool { PQstatus(connection) != CONNECTION_OK }

    /// Whether it can be used again: it is there, and no transaction is left open on it.
    var isIdle: Bool { !isBroken && PQtransactionStatus(connection) == PQTRANS_IDLE }

    /// The socket, for waiting.
    var socket: Int32 { PQsocket(connection) }

    /// The payloads of notifications that have arrived.
    func notifications() throws -> [String] {
        guard PQconsumeInput(connection) == 1 else { throw failure(nil) }
        var payloads: [String] = []
        while let notification = PQnotifies(connection) {
            payloads.append(String(cString: notification.pointee.extra))
            PQfreemem(notification)
        }
        return payloads
    }

    /// Runs one statement without results that matter.
    func command(_ sql: String) throws { PQclear(try execute(sql, [])) }

    private func execute(_ sql: String, _ arguments: [SQLValue]) throws -> OpaquePointer {
        // Numbers travel as text, bytes as they are; results are binary.
        let values: [[CChar]?] = arguments.map { argument in
            switch argument {
            case .int(let number): Array(String(number).utf8CString)
            case .bytes(let bytes): bytes.map { CChar(bitPattern: $0) } + [0]
            case .null: nil
            }
        }
        let isBytes = arguments.map { if case .bytes = $0 { true } else { false } }
        let types = isBytes.map { Oid($0 ? 17 : 20) }
        let lengths = zip(values, isBytes).map { value, isBytes in isBytes ? Int32((value?.count ?? 1) - 1) : 0 }
        let formats = isBytes.map { Int32($0 ? 1 : 0) }
        let result = Self.withPointers(values) { pointers in
            PQexecParams(connection, sql, Int32(arguments.count), types, pointers, lengths, formats, 1)
        }
        let status = PQresultStatus(result)
        guard let result, status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK else {
            let error = failure(result)
            PQclear(result)
            throw error
        }
        return result
    }

    private static func withPointers<Result>(
        _ values: [[CChar]?], _ body: ([UnsafePointer<CChar>?]) -> Result
    ) -> Result {
        func next(_ index: Int, _ pointers: [UnsafePointer<CChar>?]) -> Result {
            guard index < values.count else { return body(pointers) }
            guard let value = values[index] else { return next(index + 1, pointers + [nil]) }
            return value.withUnsafeBufferPointer { next(index + 1, pointers + [$0.baseAddress]) }
        }
        return next(0, [])
    }

    /// Conditions that pass: lost connections, a server that has become a standby, deadlocks, too many connections, a
    /// server that ends.
    private static let passing = ["08", "25006", "40", "53", "57"]

    /// What went wrong; full disks and lost connections are told apart.
    private func failure(_ result: OpaquePointer?) -> RelayError {
        let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) } ?? ""
        let text = PQerrorMessage(connection).map { String(cString: $0) } ?? ""
        if state == "53100" { return .diskFull }
        let cause = PostgresFailure(state: state, text: text.split(separator: "\n").first.map(String.init) ?? "")
        // Without a state it is the library that speaks, of a connection that may still count as open.
        let passes = isBroken || state.isEmpty || Self.passing.contains { state.hasPrefix($0) }
        return passes ? .unavailable(cause) : .failed(cause)
    }
}

extension PostgresConnection: SQLSession {
    func each(_ sql: String, _ arguments: [SQLValue], _ body: (SQLRow) throws -> Bool) throws {
        let result = try execute(sql, arguments)
        defer { PQclear(result) }
        let columns = PQnfields(result)
        for row in 0..<PQntuples(result) {
            let values = (0..<columns).map { column -> SQLValue in
                guard PQgetisnull(result, row, column) == 0, let start = PQgetvalue(result, row, column) else {
                    return .null
                }
                let bytes = UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(result, row, column)))
                if PQftype(result, column) == 17 { return .bytes(Array(bytes)) }
                return .int(
                    bytes.reduce(Int64(bytes.first.map { $0 & 0x80 != 0 ? -1 : 0 } ?? 0)) { $0 << 8 | Int64($1) })
            }
            guard try body(SQLRow(values: values)) else { return }
        }
    }

    @discardableResult
    func run(_ sql: String, _ arguments: [SQLValue]) throws -> Int {
        let result = try execute(sql, arguments)
        defer { PQclear(result) }
        return PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
    }
}

/// What PostgreSQL said, without values.
private struct PostgresFailure: Error, CustomStringConvertible {
    let state: String
    let text: String
    var description: String { "PostgreSQL \(state): \(text)" }
}
