// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension Vault {
    /// How long removed things are kept: 30 days, in seconds.
    package static let trashAge: TimeInterval = 30 * 24 * 3600

    /// What was removed and can still be brought back, the latest last.
    package func trash() throws -> [TrashEntry] {
        try read { try Self.trashEntries($0) }
    }

    /// Moves an adapter with all its versions to the trash; its name is free from then on.
    ///
    /// - Throws: `VaultError` E-VAULT-020.
    package func trashAdapter(_ name: String) throws {
        try write { database in
            let row = try Self.adapterRow(database, named: name)
            let subject = try row.value("id", as: AdapterID.self).description
            let name = try row.value("name", as: String.self)
            try discard(database, .adapter, subject, name: name, description: "remove \(name)", logged: subject)
        }
    }

    /// Moves one version to the trash. The version that the name points at cannot go.
    ///
    /// - Throws: `VaultError` E-VAULT-020, E-VAULT-023, E-VAULT-026 (it is the head).
    package func trashVersion(_ reference: VersionReference) throws {
        try write { database in
            let version = try Self.version(database, reference)
            guard !version.isHead else { throw VaultError.versionIsHead("\(version.reference)") }
            try discard(
                database, .version, "\(version.row)", name: "\(version.reference)",
                description: "remove \(version.reference)", logged: version.adapterID.description)
        }
    }

    /// Moves a run with its curve and its checkpoint to the trash.
    ///
    /// - Throws: `VaultError` E-VAULT-030, E-VAULT-036 (it is running).
    package func trashRun(_ id: RunID) throws {
        try write { database in
            let run = try Self.run(database, id)
            guard run.state != .running else { throw VaultError.activeRun }
            try discard(
                database, .run, "\(id)", name: "\(id)", description: "remove run \(id)", logged: "run \(id)")
        }
    }

    /// Moves a chat with all its messages to the trash.
    ///
    /// - Throws: `VaultError` E-VAULT-031.
    package func trashChat(_ id: Int64) throws {
        try write { database in
            let chat = try Self.chat(database, id)
            guard !chat.isTrashed else { throw VaultError.noChat(id) }
            try discard(
                database, .chat, "\(id)", name: chat.title, description: "remove chat \(chat.title)",
                logged: "chat \(id)")
        }
    }

    /// Brings back what was removed last under this name.
    ///
    /// - Parameter newName: for an adapter whose name is taken by now.
    /// - Throws: `VaultError` E-VAULT-033 (nothing of that name), E-VAULT-021 (the name is taken).
    package func restore(_ name: String, as newName: String? = nil) throws {
        try write { database in
            guard let entry = try Self.trashEntries(database).last(where: { $0.name == name }) else {
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
        try write { try recover($0, entry, as: newName) }
    }
}

extension Vault {
    static func trashEntries(_ database: Database) throws -> [TrashEntry] {
        try Row.fetchAll(database, sql: "SELECT * FROM trash ORDER BY seq").map { row in
            TrashEntry(
                sequence: try row.value("seq"), kind: try row.value("kind"), name: try row.value("name"),
                trashed: try row.date("trashed"), subject: try row.value("subject"))
        }
    }

    /// Moves something to the trash and notes it in the log.
    private func discard(
        _ database: Database, _ kind: TrashEntry.Kind, _ subject: String, name: String, description: String,
        logged: String
    ) throws {
        try setTrashed(database, kind, subject, true, name: name)
        try log(database, .trash, description, subject: logged, reversal: .restore(kind: kind, subject: subject))
    }

    private func recover(_ database: Database, _ entry: TrashEntry, as newName: String?) throws {
        let isThere =
            try Bool.fetchOne(
                database, sql: "SELECT EXISTS (SELECT 1 FROM trash WHERE kind = ? AND subject = ?)",
                arguments: [entry.kind, entry.subject]) ?? false
        guard isThere else { throw VaultError.notInTrash(entry.name) }
        var reversal = Reversal.trash(kind: entry.kind, subject: entry.subject)
        var logged = "\(entry.kind.rawValue) \(entry.subject)"
        switch entry.kind {
        case .adapter:
            logged = entry.subject
            let id = try Self.adapterID(hex: entry.subject)
            let oldName =
                try String.fetchOne(database, sql: "SELECT name FROM adapters WHERE id = ?", arguments: [id]) ?? ""
            let name = try AdapterName.checked(newName ?? oldName)
            try requireFree(database, name)
            if name != oldName { reversal = .trashRenamed(adapter: entry.subject, name: oldName) }
            try database.execute(sql: "UPDATE adapters SET name = ? WHERE id = ?", arguments: [name, id])
            if name != oldName { try noteName(database, id) }
        case .version:
            guard let row = Int64(entry.subject), let version = try Self.version(database, row: row) else {
                throw VaultError.notInTrash(entry.name)
            }
            logged = version.adapterID.description
        case .run, .chat: break
        }
        try untrash(database, entry.kind, entry.subject)
        try log(database, .restore, "restore \(entry.name)", subject: logged, reversal: reversal)
    }

    func untrash(_ database: Database, _ kind: TrashEntry.Kind, _ subject: String) throws {
        if kind == .adapter {
            let name = try String.fetchOne(
                database, sql: "SELECT name FROM adapters WHERE id = ?", arguments: [try Self.adapterID(hex: subject)])
            try requireFree(database, name ?? "")
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
        case .adapter:
            try database.execute(
                cached: "UPDATE adapters SET trashed = ? WHERE id = ?",
                arguments: [trashed, try Self.adapterID(hex: subject)])
        case .version:
            try database.execute(
                cached: "UPDATE versions SET trashed = ? WHERE seq = ?", arguments: [trashed, Int64(subject)])
        case .run:
            try database.execute(cached: "UPDATE runs SET trashed = ? WHERE id = ?", arguments: [trashed, subject])
        case .chat:
            try database.execute(
                cached: "UPDATE chats SET trashed = ? WHERE seq = ?", arguments: [trashed, Int64(subject)])
        }
        guard database.changesCount == 1 else { throw VaultError.notInTrash(name.isEmpty ? subject : name) }
        if trashed {
            try database.execute(
                cached: "INSERT INTO trash (kind, subject, name, trashed) VALUES (?, ?, ?, ?)",
                arguments: [kind, subject, name, Timestamp.milliseconds(now())])
        } else {
            try database.execute(
                cached: "DELETE FROM trash WHERE kind = ? AND subject = ?", arguments: [kind, subject])
        }
        if kind == .adapter, isLocal { try noteTrashed(database, try Self.adapterID(hex: subject), trashed) }
    }

    /// An adapter's id from its digits.
    static func adapterID(hex: String) throws -> AdapterID {
        guard let id = AdapterID(hex: hex) else { throw VaultError.damaged("an unreadable id") }
        return id
    }
}
