// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension Vault {
    /// The newest `limit` operations, the latest first.
    package func operations(limit: Int = 50) throws -> [OperationRecord] {
        try read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM operations ORDER BY seq DESC LIMIT ?", arguments: [max(limit, 0)]
            ).map(Self.operation)
        }
    }

    /// What `undo` reverts next, and what that moves to the trash; nil if there is nothing.
    package func nextUndo() throws -> (operation: OperationRecord, trashes: String?)? {
        try read { database in
            try Self.last(database).map { ($0.operation, try? self.trashed(database, by: $0.reversal)) }
        }
    }

    /// Reverts the last operation that was not undone yet and that can be; calling again goes further back.
    ///
    /// Nothing is erased: a version that is taken away lies in the trash.
    ///
    /// - Parameter expected: the sequence number of the operation that is meant; nil for whichever is the last.
    /// - Returns: the operation that was undone.
    /// - Throws: `VaultError` E-VAULT-034 (nothing left), E-VAULT-035 (something stands in the way, or another operation
    ///   is the last; nothing changed).
    @discardableResult
    package func undo(expecting expected: Int64? = nil) throws -> OperationRecord {
        try write { database in
            guard let (operation, reversal) = try Self.last(database) else { throw VaultError.nothingToUndo }
            guard operation.sequence == expected ?? operation.sequence else {
                throw VaultError.anotherIsLast(operation.description)
            }
            do {
                try apply(database, reversal)
            } catch let error as VaultError {
                throw VaultError.cannotUndo(operation.description, cause: error)
            }
            try database.execute(
                sql: "UPDATE operations SET undone = 1 WHERE seq = ?", arguments: [operation.sequence])
            return OperationRecord(
                sequence: operation.sequence, time: operation.time, kind: operation.kind,
                description: operation.description, isUndone: true, canBeUndone: false)
        }
    }

    private static func last(_ database: Database) throws -> (operation: OperationRecord, reversal: Reversal)? {
        try Row.fetchOne(
            database,
            sql: "SELECT * FROM operations WHERE undone = 0 AND reversal IS NOT NULL ORDER BY seq DESC LIMIT 1"
        ).map { (try Self.operation($0), try $0.json("reversal", as: Reversal.self)) }
    }

    /// What a reversal moves to the trash, as the trash lists it; nil if it moves nothing there.
    private func trashed(_ database: Database, by reversal: Reversal) throws -> String? {
        switch reversal {
        case .trash(let kind, let subject): try title(database, kind, subject)
        case .trashRenamed(_, let name): name
        case .removeVersion(let adapter, let version, let head):
            try head == nil ? title(database, .adapter, adapter) : title(database, .version, "\(version)")
        case .rename, .moveHead, .label, .restore: nil
        }
    }

    /// Notes an operation in the transaction that does it.
    func log(
        _ database: Database, _ kind: OperationRecord.Kind, _ description: String, subject: String,
        reversal: Reversal?
    ) throws {
        try database.execute(
            sql: "INSERT INTO operations (time, kind, description, subject, reversal) VALUES (?, ?, ?, ?, ?)",
            arguments: [
                Timestamp.milliseconds(now()), kind, description, subject, try reversal.map(storedJSON),
            ])
    }

    private static func operation(_ row: Row) throws -> OperationRecord {
        let isUndone = try row.value("undone", as: Bool.self)
        return OperationRecord(
            sequence: try row.value("seq"), time: try row.date("time"), kind: try row.value("kind"),
            description: try row.value("description"), isUndone: isUndone,
            canBeUndone: try !isUndone && row.optional("reversal", as: String.self) != nil)
    }

    private func apply(_ database: Database, _ reversal: Reversal) throws {
        switch reversal {
        case .rename(let adapter, let name): try setName(database, try Self.adapterID(hex: adapter), to: name)
        case .moveHead(let adapter, let row): try moveHead(database, try Self.adapterID(hex: adapter), to: row)
        case .label(let adapter, let name, let row):
            try setLabel(database, try Self.adapterID(hex: adapter), name, to: row)
        case .trash(let kind, let subject):
            try setTrashed(database, kind, subject, true, name: try title(database, kind, subject))
        case .restore(let kind, let subject): try untrash(database, kind, subject)
        case .trashRenamed(let adapter, let name):
            try setTrashed(database, .adapter, adapter, true, name: name)
            try database.execute(
                sql: "UPDATE adapters SET name = ? WHERE id = ?", arguments: [name, try Self.adapterID(hex: adapter)])
            try noteName(database, try Self.adapterID(hex: adapter))
        case .removeVersion(let adapter, let version, let head):
            guard let head else {
                let name = try title(database, .adapter, adapter)
                return try setTrashed(database, .adapter, adapter, true, name: name)
            }
            try moveHead(database, try Self.adapterID(hex: adapter), to: head)
            let name = try title(database, .version, "\(version)")
            try setTrashed(database, .version, "\(version)", true, name: name)
        }
    }

    private func moveHead(_ database: Database, _ adapter: AdapterID, to row: Int64) throws {
        let head = try Int64.fetchOne(database, sql: "SELECT head FROM adapters WHERE id = ?", arguments: [adapter])
        let previous = try head.flatMap { try Self.version(database, row: $0)?.id }
        try setHead(database, adapter, to: row)
        try noteHead(database, adapter, from: previous)
    }

    /// The name under which the trash lists a thing.
    private func title(_ database: Database, _ kind: TrashEntry.Kind, _ subject: String) throws -> String {
        let name: String?
        switch kind {
        case .adapter:
            name = try String.fetchOne(
                database, sql: "SELECT name FROM adapters WHERE id = ?", arguments: [try Self.adapterID(hex: subject)])
        case .version:
            name = try Int64(subject).flatMap { try Self.version(database, row: $0) }.map { "\($0.reference)" }
        case .run: name = subject
        case .chat:
            name = try String.fetchOne(
                database, sql: "SELECT title FROM chats WHERE seq = ?", arguments: [Int64(subject)])
        }
        guard let name else { throw VaultError.notInTrash(subject) }
        return name
    }
}
