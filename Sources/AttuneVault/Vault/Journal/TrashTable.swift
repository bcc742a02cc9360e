// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Describes something that was removed and can still be brought back.
package struct TrashEntry: Sendable, Equatable {
    /// Says what kind of thing lies in the trash.
    package enum Kind: String, Sendable, Codable, CaseIterable, DatabaseValueConvertible {
        case adapter
        case version
        case run
        case chat
    }

    /// Grows with each removal; the order of the trash.
    package let sequence: Int64
    package let kind: Kind
    /// Name when it was removed: `notes`, `notes@3`, the run's id, the chat's title.
    package let name: String
    package let trashed: Date

    let subject: String
}

/// Keeps what was removed and can still be brought back.
package struct TrashTable: Sendable {
    let vault: Vault

    /// Tells how long removed things are kept: 30 days, in seconds.
    package static let age: TimeInterval = 30 * 24 * 3600

    /// Lists what was removed and can still be brought back, the latest last.
    package func entries() throws -> [TrashEntry] {
        try vault.read { try Self.entries($0) }
    }

    /// Brings back what was removed last under this name.
    ///
    /// - Parameter newName: for an adapter whose name is taken by now.
    /// - Throws: `VaultError` E-VAULT-033 (nothing of that name), E-VAULT-021 (the name is taken).
    package func restore(_ name: String, as newName: String? = nil) throws {
        try vault.write { database in
            guard let entry = try Self.entries(database).last(where: { $0.name == name }) else {
                throw VaultError.notInTrash(name)
            }
            try recover(database, entry, as: newName)
        }
    }

    /// Brings back one entry of the trash.
    ///
    /// - Parameter newName: for an adapter whose name is taken by now.
    /// - Throws: `VaultError` E-VAULT-033, E-VAULT-021.
    package func restore(_ entry: TrashEntry, as newName: String? = nil) throws {
        try vault.write { try recover($0, entry, as: newName) }
    }
}

extension TrashTable {
    static func entries(_ database: Database) throws -> [TrashEntry] {
        try Row.fetchAll(database, sql: "SELECT * FROM trash ORDER BY seq").map { row in
            TrashEntry(
                sequence: try row.value("seq"), kind: try row.value("kind"), name: try row.value("name"),
                trashed: try row.date("trashed"), subject: try row.value("subject"))
        }
    }

    static func isThere(_ database: Database, _ kind: TrashEntry.Kind, _ subject: String) throws -> Bool {
        try Bool.fetchOne(
            database, cached: "SELECT EXISTS (SELECT 1 FROM trash WHERE kind = ? AND subject = ?)",
            arguments: [kind, subject]) ?? false
    }

    /// Takes a thing off the list of the trash.
    static func remove(_ database: Database, _ kind: TrashEntry.Kind, _ subject: String) throws {
        try database.execute(cached: "DELETE FROM trash WHERE kind = ? AND subject = ?", arguments: [kind, subject])
    }

    /// Moves something to the trash and notes it in the log.
    func discard(
        _ database: Database, _ kind: TrashEntry.Kind, _ subject: String, name: String, description: String,
        logged: String
    ) throws {
        try setTrashed(database, kind, subject, true, name: name)
        try vault.journal.note(
            database, .trash, description, subject: logged, reversal: .restore(kind: kind, subject: subject))
    }

    private func recover(_ database: Database, _ entry: TrashEntry, as newName: String?) throws {
        guard try Self.isThere(database, entry.kind, entry.subject) else { throw VaultError.notInTrash(entry.name) }
        var reversal = Reversal.trash(kind: entry.kind, subject: entry.subject)
        var adapter: AdapterID?
        switch entry.kind {
        case .adapter:
            let id = try AdapterTable.id(hex: entry.subject)
            adapter = id
            let oldName = try AdapterTable.name(database, id) ?? ""
            let name = try AdapterName.checked(newName ?? oldName)
            try AdapterTable.requireFree(database, name)
            if name != oldName { reversal = .trashRenamed(adapter: entry.subject, name: oldName) }
            try AdapterTable.setShownName(database, id, to: name)
            if name != oldName { try EventTable.noteName(database, id) }
        case .version:
            guard let row = Int64(entry.subject), let version = try VersionTable.fetch(database, row: row) else {
                throw VaultError.notInTrash(entry.name)
            }
            adapter = version.adapterID
        case .run, .chat: break
        }
        try untrash(database, entry.kind, entry.subject)
        if let adapter { try EventTable.noteUnsaid(database, adapter) }
        let logged = adapter?.description ?? "\(entry.kind.rawValue) \(entry.subject)"
        try vault.journal.note(database, .restore, "restore \(entry.name)", subject: logged, reversal: reversal)
    }

    func untrash(_ database: Database, _ kind: TrashEntry.Kind, _ subject: String) throws {
        if kind == .adapter {
            let name = try AdapterTable.name(database, AdapterTable.id(hex: subject))
            try AdapterTable.requireFree(database, name ?? "")
        }
        try setTrashed(database, kind, subject, false, name: "")
    }

    /// Marks a thing as removed or not and keeps the list of the trash in step.
    ///
    /// - Parameter isLocal: false where another device did it.
    func setTrashed(
        _ database: Database, _ kind: TrashEntry.Kind, _ subject: String, _ trashed: Bool, name: String,
        isLocal: Bool = true
    ) throws {
        switch kind {
        case .adapter: try AdapterTable.setTrashed(database, AdapterTable.id(hex: subject), trashed)
        case .version: try VersionTable.setTrashed(database, version: Int64(subject), trashed)
        case .run: try RunTable.setTrashed(database, RunID(subject), trashed)
        case .chat: try ChatTable.setTrashed(database, Int64(subject), trashed)
        }
        guard database.changesCount == 1 else { throw VaultError.notInTrash(name.isEmpty ? subject : name) }
        if trashed {
            try database.execute(
                cached: "INSERT INTO trash (kind, subject, name, trashed) VALUES (?, ?, ?, ?)",
                arguments: [kind, subject, name, Timestamp.milliseconds(vault.now())])
        } else {
            try Self.remove(database, kind, subject)
        }
        if kind == .adapter, isLocal {
            try EventTable.noteTrashed(database, try AdapterTable.id(hex: subject), trashed)
        }
    }

    /// Takes a version out of the trash, if it lies there.
    static func takeOut(_ database: Database, version row: Int64) throws {
        guard try isThere(database, .version, "\(row)") else { return }
        try VersionTable.setTrashed(database, version: row, false)
        try remove(database, .version, "\(row)")
    }

    /// Takes a version out of the trash that lies there only because nobody said it for a while.
    func takeBack(_ database: Database, version row: Int64, of adapter: AdapterID) throws {
        for (kind, subject) in [(TrashEntry.Kind.adapter, adapter.description), (.version, "\(row)")] {
            guard try Self.isThere(database, kind, subject) else { continue }
            let isMeant =
                try Journal.hasTrashed(database, kind, subject) || EventTable.wasTrashed(database, adapter)
            guard !isMeant else { continue }
            if kind == .adapter {
                try vault.adapters.showWhatCounts(database, adapter, isDenied: true)
            } else {
                try Self.takeOut(database, version: row)
            }
        }
    }

    /// Tells the name under which the trash lists a thing.
    static func title(_ database: Database, _ kind: TrashEntry.Kind, _ subject: String) throws -> String {
        let name: String?
        switch kind {
        case .adapter:
            name = try AdapterTable.name(database, AdapterTable.id(hex: subject))
        case .version:
            name = try Int64(subject).flatMap { try VersionTable.fetch(database, row: $0) }.map { "\($0.reference)" }
        case .run: name = subject
        case .chat: name = try ChatTable.title(database, Int64(subject))
        }
        guard let name else { throw VaultError.notInTrash(subject) }
        return name
    }

    /// Lists in the trash what is marked as removed, and nothing else.
    func mend(_ database: Database) throws {
        let time = Timestamp.milliseconds(vault.now())
        let kinds = [
            ("adapter", "adapters", "lower(hex(id))", "name"), ("run", "runs", "id", "id"),
            ("chat", "chats", "CAST(seq AS TEXT)", "title"),
            (
                "version", "versions", "CAST(seq AS TEXT)",
                "(SELECT name FROM adapters WHERE id = versions.adapter) || '@' || number"
            ),
        ]
        for (kind, table, subject, name) in kinds {
            try database.execute(
                sql: """
                    INSERT OR IGNORE INTO trash (kind, subject, name, trashed)
                    SELECT '\(kind)', \(subject), \(name), \(time) FROM \(table) WHERE trashed = 1
                    """)
            try database.execute(
                sql: """
                    DELETE FROM trash WHERE kind = '\(kind)'
                        AND subject NOT IN (SELECT \(subject) FROM \(table) WHERE trashed = 1)
                    """)
        }
    }
}
