// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// A table of a new database, and how rows of a damaged one come into it.
struct SalvageTarget {
    let name: String
    /// Columns in the order in which their values are stored.
    private let columns: [Column]
    /// The column that the number of the row stands for.
    private let rowid: String?
    let hasRowids: Bool

    private struct Column {
        let name: String
        let type: String
        let isRequired: Bool
    }

    /// The tables of a store, without what the database keeps for itself: a new store counts its changes anew.
    static func all(_ database: Database) throws -> [SalvageTarget] {
        try String.fetchAll(
            database,
            sql: """
                SELECT name FROM sqlite_schema
                WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT IN ('grdb_migrations', 'writers')
                ORDER BY rowid
                """
        ).map { try SalvageTarget($0, database) }
    }

    private init(_ name: String, _ database: Database) throws {
        self.name = name
        let rows = try Row.fetchAll(database, sql: "SELECT * FROM pragma_table_xinfo(?)", arguments: [name])
        let sql =
            try String.fetchOne(
                database, sql: "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", arguments: [name])
            ?? ""
        hasRowids = !sql.contains("WITHOUT ROWID")
        let all = try rows.map { row in
            (
                Column(
                    name: try row.value("name"), type: try row.value("type"),
                    isRequired: try row.value("notnull", as: Bool.self)),
                try row.value("pk", as: Int.self)
            )
        }
        // Without row numbers the columns of the key are stored first, in the key's order.
        let key = all.filter { $0.1 > 0 }.sorted { $0.1 < $1.1 }.map(\.0)
        columns = hasRowids ? all.map(\.0) : key + all.filter { $0.1 == 0 }.map(\.0)
        rowid = hasRowids && key.count == 1 && key[0].type == "INTEGER" ? key[0].name : nil
    }

    /// Whether a row could be one of this table.
    func fits(_ row: SalvagedTables.Row) -> Bool {
        guard (row.rowid != nil) == hasRowids, !row.values.isEmpty, row.values.count <= columns.count else {
            return false
        }
        return zip(columns, row.values).allSatisfy { column, value in
            switch value.storage {
            case .null: !column.isRequired || column.name == rowid
            case .int64: column.type == "INTEGER" || column.type == "REAL"
            case .double: column.type == "REAL"
            case .string: column.type == "TEXT"
            case .blob: column.type == "BLOB"
            }
        }
    }

    enum Outcome { case inserted, isThere, refused }

    /// Inserts a row; one whose key is there already changes nothing.
    func insert(_ row: SalvagedTables.Row, into database: Database) throws -> Outcome {
        guard fits(row) else { return .refused }
        var values = row.values
        if let rowid, let place = columns.firstIndex(where: { $0.name == rowid }), place < values.count {
            values[place] = row.rowid?.databaseValue ?? .null
        }
        let names = columns.prefix(values.count).map { "\"\($0.name)\"" }.joined(separator: ", ")
        let marks = values.map { _ in "?" }.joined(separator: ", ")
        do {
            try database.cachedStatement(sql: "INSERT INTO \"\(name)\" (\(names)) VALUES (\(marks))")
                .execute(arguments: StatementArguments(values))
            return .inserted
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            switch error.extendedResultCode {
            case .SQLITE_CONSTRAINT_UNIQUE, .SQLITE_CONSTRAINT_PRIMARYKEY: return .isThere
            default: return .refused
            }
        }
    }

    /// Takes away what refers to rows that are not there, until nothing does; how many rows went.
    static func dropDangling(_ targets: [SalvageTarget], _ database: Database) throws -> [String: Int] {
        var dropped: [String: Int] = [:]
        var hasChanged = true
        while hasChanged {
            hasChanged = false
            for target in targets {
                let keys = try Row.fetchAll(
                    database, sql: "SELECT * FROM pragma_foreign_key_list(?)", arguments: [target.name])
                for key in keys {
                    let (from, to) = (try key.value("from", as: String.self), try key.value("to", as: String.self))
                    let parent = try key.value("table", as: String.self)
                    let dangling = """
                        "\(from)" IS NOT NULL
                        AND NOT EXISTS (SELECT 1 FROM "\(parent)" p WHERE p."\(to)" = "\(target.name)"."\(from)")
                        """
                    let isRequired = target.columns.first { $0.name == from }?.isRequired ?? true
                    if isRequired {
                        try database.execute(sql: "DELETE FROM \"\(target.name)\" WHERE \(dangling)")
                        if database.changesCount > 0 { dropped[target.name, default: 0] += database.changesCount }
                    } else {
                        try database.execute(sql: "UPDATE \"\(target.name)\" SET \"\(from)\" = NULL WHERE \(dangling)")
                    }
                    if database.changesCount > 0 { hasChanged = true }
                }
            }
        }
        return dropped
    }
}
