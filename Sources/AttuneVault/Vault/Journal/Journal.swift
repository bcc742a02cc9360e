// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Describes one entry of the operation log.
package struct OperationRecord: Sendable, Equatable {
    /// Says what an operation did.
    package enum Kind: String, Sendable, Codable, CaseIterable, DatabaseValueConvertible {
        case addVersion = "add-version"
        case rename
        case copy
        case label
        case rollback
        case trash
        case restore
        case purge
    }

    /// Grows with each operation; the order of the log.
    package let sequence: Int64
    package let time: Date
    package let kind: Kind
    /// One line such as `rename notes to diary`.
    package let description: String
    /// True once `undo` reverted it.
    package let isUndone: Bool
    /// True if `undo` could revert it.
    package let canBeUndone: Bool
}

/// Keeps what was done to adapters, runs and chats, and how each of those things is undone.
package struct Journal: Sendable {
    let vault: Vault

    /// Lists the newest `limit` operations, the latest first.
    package func operations(limit: Int = 50) throws -> [OperationRecord] {
        try vault.read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM operations ORDER BY seq DESC LIMIT ?", arguments: [max(limit, 0)]
            ).map(Self.operation)
        }
    }

    /// Tells what `undo` reverts next, and what that moves to the trash; nil if there is nothing.
    package func nextUndo() throws -> (operation: OperationRecord, trashes: String?)? {
        try vault.read { database in
            try Self.last(database).map { ($0.operation, try? Self.trashed(database, by: $0.reversal)) }
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
        try vault.write { database in
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

    /// Tells what a reversal moves to the trash, as the trash lists it; nil if it moves nothing there.
    private static func trashed(_ database: Database, by reversal: Reversal) throws -> String? {
        switch reversal {
        case .trash(let kind, let subject): try TrashTable.title(database, kind, subject)
        case .trashRenamed(_, let name): name
        case .removeVersion(let adapter, let version, let head):
            try head == nil
                ? TrashTable.title(database, .adapter, adapter) : TrashTable.title(database, .version, "\(version)")
        case .rename, .moveHead, .label, .restore: nil
        }
    }

    /// Notes an operation in the transaction that does it.
    func note(
        _ database: Database, _ kind: OperationRecord.Kind, _ description: String, subject: String,
        reversal: Reversal?
    ) throws {
        try database.execute(
            sql: "INSERT INTO operations (time, kind, description, subject, reversal) VALUES (?, ?, ?, ?, ?)",
            arguments: [
                Timestamp.milliseconds(vault.now()), kind, description, subject, try reversal.map(storedJSON),
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
        case .rename(let adapter, let name):
            try AdapterTable.setName(database, try AdapterTable.id(hex: adapter), to: name)
        case .moveHead(let adapter, let row): try Self.moveHead(database, try AdapterTable.id(hex: adapter), to: row)
        case .label(let adapter, let name, let row):
            try VersionTable.setLabel(database, try AdapterTable.id(hex: adapter), name, to: row)
        case .trash(let kind, let subject):
            // Another device may have gone back to it since.
            if kind == .version,
                let version = try Int64(subject).flatMap({ try VersionTable.fetch(database, row: $0) }),
                version.isHead
            {
                throw VaultError.versionIsHead("\(version.reference)")
            }
            try vault.trash.setTrashed(
                database, kind, subject, true, name: try TrashTable.title(database, kind, subject))
        case .restore(let kind, let subject): try vault.trash.untrash(database, kind, subject)
        case .trashRenamed(let adapter, let name):
            try vault.trash.setTrashed(database, .adapter, adapter, true, name: name)
            try AdapterTable.setShownName(database, AdapterTable.id(hex: adapter), to: name)
            try EventTable.noteName(database, try AdapterTable.id(hex: adapter))
        case .removeVersion(let adapter, let version, let head):
            guard let head else {
                let name = try TrashTable.title(database, .adapter, adapter)
                return try vault.trash.setTrashed(database, .adapter, adapter, true, name: name)
            }
            try Self.moveHead(database, try AdapterTable.id(hex: adapter), to: head)
            let name = try TrashTable.title(database, .version, "\(version)")
            try vault.trash.setTrashed(database, .version, "\(version)", true, name: name)
        }
    }

    private static func moveHead(_ database: Database, _ adapter: AdapterID, to row: Int64) throws {
        let previous = try AdapterTable.head(database, adapter).flatMap {
            try VersionTable.fetch(database, row: $0)?.id
        }
        try AdapterTable.setHead(database, adapter, to: row)
        try EventTable.noteHead(database, adapter, from: previous)
    }
}

extension Journal {
    /// Notes that operations on a thing that is gone can no longer be undone.
    static func forgetReversals(_ database: Database, subject: String) throws {
        try database.execute(sql: "UPDATE operations SET reversal = NULL WHERE subject = ?", arguments: [subject])
    }

    /// Notes that operations that would bring back or point at a version that is gone can no longer be undone.
    static func forgetReversals(_ database: Database, of version: VersionRecord) throws {
        let rows = try Row.fetchAll(
            database, sql: "SELECT seq, reversal FROM operations WHERE subject = ? AND reversal IS NOT NULL",
            arguments: [version.adapterID.description])
        for row in rows where try row.json("reversal", as: Reversal.self).mentions(version: version.row) {
            try database.execute(
                sql: "UPDATE operations SET reversal = NULL WHERE seq = ?",
                arguments: [try row.value("seq", as: Int64.self)])
        }
    }

    /// True if a person here moved a thing to the trash.
    static func hasTrashed(_ database: Database, _ kind: TrashEntry.Kind, _ subject: String) throws -> Bool {
        try Bool.fetchOne(
            database, cached: "SELECT EXISTS (SELECT 1 FROM operations WHERE kind = 'trash' AND reversal = ?)",
            arguments: [try storedJSON(Reversal.restore(kind: kind, subject: subject))]) ?? true
    }
}
