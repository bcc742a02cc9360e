// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Keeps what happened to adapters, here and elsewhere, for the devices of the circle.
///
/// Each note is part of the transaction that does the thing, and none is taken while the store is in no circle. One that
/// names no entry waits to be published.
package struct EventTable: Sendable {
    let vault: Vault

    /// Limits the entries that one entry may follow.
    static let parentLimit = 8

    /// Notes a version that has become the adapter's head.
    ///
    /// It follows the head before it, and all heads among the versions it was made from.
    static func noteVersion(_ database: Database, _ row: Int64, after previous: Int64?) throws {
        guard try CircleTable.isMember(database), let version = try VersionTable.fetch(database, row: row) else {
            return
        }
        let adapter = version.adapterID
        let previousID = try previous.flatMap { try VersionTable.fetch(database, row: $0)?.id }
        let lines = Set(version.parents + [previousID].compactMap { $0 })
        let parents = try Self.tips(database, adapter, at: previousID, orAmong: lines)
        try Self.insert(
            database, adapter, kind: .version, version: version.id, name: version.adapter, parents: parents)
        try PinTable.refreshWanted(database, adapter)
    }

    /// Notes that the adapter's name points at another version, out of all heads.
    static func noteHead(
        _ database: Database, _ adapter: AdapterID, resolving: Bool = false, from previous: VersionID? = nil
    ) throws {
        guard try CircleTable.isMember(database),
            let row = try AdapterTable.head(database, adapter),
            let version = try VersionTable.fetch(database, row: row)
        else { return }
        let parents =
            try resolving
            ? Self.tips(database, adapter).map(\.event)
            : Self.tips(database, adapter, at: previous, orAmong: Set([previous].compactMap { $0 }))
        try Self.insert(database, adapter, kind: .head, version: version.id, parents: parents)
        try PinTable.refreshWanted(database, adapter)
    }

    /// Notes the adapter's name.
    static func noteName(_ database: Database, _ adapter: AdapterID) throws {
        guard try CircleTable.isMember(database), let name = try AdapterTable.name(database, adapter) else { return }
        try Self.insert(database, adapter, kind: .name, name: name)
    }

    /// Notes that the adapter went to the trash or came back.
    static func noteTrashed(_ database: Database, _ adapter: AdapterID, _ isTrashed: Bool) throws {
        guard try CircleTable.isMember(database) else { return }
        try Self.insert(database, adapter, kind: .trashed, trashed: isTrashed)
        try PinTable.refreshWanted(database, adapter)
    }

    /// Notes that an adapter is erased for good, before it is: what it still had to say is not said any more.
    static func noteErased(_ database: Database, _ adapter: AdapterID) throws {
        guard try CircleTable.isMember(database) else { return }
        let rows = try Row.fetchAll(
            database,
            sql: "SELECT version, entry FROM events WHERE adapter = ? AND kind = 'version' AND entry IS NOT NULL",
            arguments: [adapter])
        try database.execute(
            sql: "DELETE FROM events WHERE adapter = ? AND kind = 'version' AND entry IS NULL", arguments: [adapter])
        try Self.recountTips(database, adapter)
        let pairs: [(VersionID, EntryHash)] = try rows.map { (try $0.value("version"), try $0.value("entry")) }
        for start in stride(from: 0, to: pairs.count, by: 1024) {
            let part = pairs[start..<min(start + 1024, pairs.count)]
            let released = Released(versions: part.map(\.0), entries: part.map(\.1).sorted())
            try Self.insert(database, adapter, kind: .release, released: try storedJSON(released))
        }
    }

    /// Drops the drafts of a version that is erased before it was published.
    static func forgetDrafts(_ database: Database, of version: VersionID, in adapter: AdapterID) throws {
        let drafts = try Int64.fetchAll(
            database,
            sql: "SELECT seq FROM events WHERE adapter = ? AND version = ? AND entry IS NULL",
            arguments: [adapter, version])
        for draft in drafts {
            // What followed it follows what it followed.
            try database.execute(
                sql: """
                    INSERT OR IGNORE INTO event_parents (event, parent)
                    SELECT c.event, p.parent FROM event_parents c JOIN event_parents p ON p.event = c.parent
                    WHERE c.parent = ?
                    """, arguments: [draft])
            try database.execute(sql: "DELETE FROM events WHERE seq = ?", arguments: [draft])
        }
        if !drafts.isEmpty { try Self.recountTips(database, adapter) }
    }

    /// Notes all live adapters as they are, for a circle that begins.
    static func draftEverything(_ database: Database) throws {
        for row in try AdapterTable.rows(database, isTrashed: false) {
            let adapter = try row.value("id", as: AdapterID.self)
            var last: (event: Int64, row: Int64)?
            for version in try VersionTable.select(database, "v.adapter = ? AND v.trashed = 0", [adapter]) {
                let (event, _) = try Self.insert(
                    database, adapter, kind: .version, version: version.id, name: version.adapter,
                    parents: last.map { [$0.event] } ?? [])
                last = (event, version.row)
            }
            if let head = try row.optional("head", as: Int64.self), let last, last.row != head {
                try Self.noteHead(database, adapter, resolving: true)
            }
        }
    }

    /// Notes the live versions of an adapter that nothing which counts says any more, and that a person keeps.
    static func noteUnsaid(_ database: Database, _ adapter: AdapterID) throws {
        guard try CircleTable.isMember(database) else { return }
        var newest: VersionRecord?
        for version in try VersionTable.select(database, "v.adapter = ? AND v.trashed = 0", [adapter])
        where try !Self.isNoted(database, version) {
            let parents = try version.parents.compactMap { try Self.newest(database, adapter, $0) }
            try Self.insert(
                database, adapter, kind: .version, version: version.id, name: version.adapter, parents: parents)
            newest = version
        }
        guard let newest else { return }
        // It comes back as it is here, and moves the name nowhere else.
        if try AdapterTable.head(database, adapter) != newest.row {
            try Self.noteHead(database, adapter, from: newest.id)
        }
        try PinTable.refreshWanted(database, adapter)
    }

    struct Released: Codable {
        let versions: [VersionID]
        let entries: [EntryHash]
    }

    /// Notes something about an adapter.
    ///
    /// - Returns: its number, and the events of the adapter that are tips now or are none any more.
    @discardableResult
    static func insert(
        _ database: Database, _ adapter: AdapterID, kind: EventKind, version: VersionID? = nil, name: String? = nil,
        trashed: Bool? = nil, released: String? = nil, parents: [Int64] = [], context: EntryContext? = nil
    ) throws -> (event: Int64, changed: [Int64]) {
        try database.execute(
            cached: """
                INSERT INTO events (adapter, kind, version, name, trashed, released, entry, device, lamport)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                adapter, kind, version, name, trashed, released, context?.entry,
                context?.device, context.map { Int64(clamping: $0.lamport) },
            ])
        let event = database.lastInsertedRowID
        for parent in parents.prefix(Self.parentLimit) {
            try database.execute(
                cached: "INSERT OR IGNORE INTO event_parents (event, parent) VALUES (?, ?)", arguments: [event, parent])
        }
        guard kind.movesHeads else { return (event, []) }
        return (event, try markTips(database, adapter, event, parents))
    }
}
