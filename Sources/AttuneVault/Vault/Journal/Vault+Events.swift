// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Notes of what happened to adapters, for the other devices of the circle. Each is part of the transaction that does
/// the thing, and none is taken while the store is in no circle.
extension Vault {
    /// Most entries that one entry may follow.
    static let parentLimit = 8

    /// Notes a version that has become the adapter's head.
    ///
    /// It follows the head before it, and all heads among the versions it was made from.
    func noteVersion(_ database: Database, _ row: Int64, after previous: Int64?) throws {
        guard try Self.isInCircle(database), let version = try Self.version(database, row: row) else { return }
        let adapter = version.adapterID
        let previousID = try previous.flatMap { try Self.version(database, row: $0)?.id }
        let lines = Set(version.parents + [previousID].compactMap { $0 })
        let parents = try tips(database, adapter, at: previousID, orAmong: lines)
        try insertEvent(
            database, adapter, kind: .version, version: version.id, name: version.adapter, parents: parents)
        try refreshWanted(database, adapter)
    }

    /// Notes that the adapter's name points at another version, out of all heads.
    func noteHead(_ database: Database, _ adapter: AdapterID, resolving: Bool = false, from previous: VersionID? = nil)
        throws
    {
        guard try Self.isInCircle(database),
            let row = try Int64.fetchOne(database, sql: "SELECT head FROM adapters WHERE id = ?", arguments: [adapter]),
            let version = try Self.version(database, row: row)
        else { return }
        let parents =
            try resolving
            ? Self.tips(database, adapter).map(\.event)
            : tips(database, adapter, at: previous, orAmong: Set([previous].compactMap { $0 }))
        try insertEvent(database, adapter, kind: .head, version: version.id, parents: parents)
        try refreshWanted(database, adapter)
    }

    /// Notes the adapter's name.
    func noteName(_ database: Database, _ adapter: AdapterID) throws {
        guard try Self.isInCircle(database),
            let name = try String.fetchOne(
                database, sql: "SELECT name FROM adapters WHERE id = ?", arguments: [adapter])
        else { return }
        try insertEvent(database, adapter, kind: .name, name: name)
    }

    /// Notes that the adapter went to the trash or came back.
    func noteTrashed(_ database: Database, _ adapter: AdapterID, _ isTrashed: Bool) throws {
        guard try Self.isInCircle(database) else { return }
        try insertEvent(database, adapter, kind: .trashed, trashed: isTrashed)
        try refreshWanted(database, adapter)
    }

    /// Notes that an adapter is erased for good, before it is: what it still had to say is not said any more.
    func noteErased(_ database: Database, _ adapter: AdapterID) throws {
        guard try Self.isInCircle(database) else { return }
        let rows = try Row.fetchAll(
            database,
            sql: "SELECT version, entry FROM events WHERE adapter = ? AND kind = 'version' AND entry IS NOT NULL",
            arguments: [adapter])
        try database.execute(
            sql: "DELETE FROM events WHERE adapter = ? AND kind = 'version' AND entry IS NULL", arguments: [adapter])
        try recountTips(database, adapter)
        let pairs: [(VersionID, EntryHash)] = try rows.map { (try $0.value("version"), try $0.value("entry")) }
        for start in stride(from: 0, to: pairs.count, by: 1024) {
            let part = pairs[start..<min(start + 1024, pairs.count)]
            let released = Released(versions: part.map(\.0), entries: part.map(\.1).sorted())
            try insertEvent(database, adapter, kind: .release, released: try storedJSON(released))
        }
    }

    /// A version that is erased before it was published is not published.
    func forgetDraft(_ database: Database, of version: VersionRecord) throws {
        let drafts = try Int64.fetchAll(
            database,
            sql: "SELECT seq FROM events WHERE adapter = ? AND version = ? AND entry IS NULL",
            arguments: [version.adapterID, version.id])
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
        if !drafts.isEmpty { try recountTips(database, version.adapterID) }
    }

    /// Notes all live adapters as they are, for a circle that begins.
    func draftEverything(_ database: Database) throws {
        for row in try Row.fetchAll(database, sql: "SELECT id, head FROM adapters WHERE trashed = 0 ORDER BY seq") {
            let adapter = try row.value("id", as: AdapterID.self)
            var last: (event: Int64, row: Int64)?
            for version in try Self.versions(database, "v.adapter = ? AND v.trashed = 0", [adapter]) {
                let (event, _) = try insertEvent(
                    database, adapter, kind: .version, version: version.id, name: version.adapter,
                    parents: last.map { [$0.event] } ?? [])
                last = (event, version.row)
            }
            if let head = try row.optional("head", as: Int64.self), let last, last.row != head {
                try noteHead(database, adapter, resolving: true)
            }
        }
    }

    static func isInCircle(_ database: Database) throws -> Bool {
        try Bool.fetchOne(database, cached: "SELECT EXISTS (SELECT 1 FROM identity)") ?? false
    }

    struct Released: Codable {
        let versions: [VersionID]
        let entries: [EntryHash]
    }

    /// Notes something about an adapter.
    ///
    /// - Returns: its number, and the events of the adapter that are tips now or are none any more.
    @discardableResult
    func insertEvent(
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

    /// A new event is a tip, and what it follows is none any more.
    ///
    /// Two devices may say the same version, one that made it and one that got it in a file: what follows one of them
    /// follows the other, so all of them are tips or none is. Comes to what `recountTips` finds, without looking at
    /// other events than those that change.
    ///
    /// - Returns: the events that are tips now or are none any more.
    private func markTips(
        _ database: Database, _ adapter: AdapterID, _ event: Int64, _ parents: [Int64]
    ) throws -> [Int64] {
        guard let new = try TipState.fetch(database, event), !new.isRefused else { return [event] }
        try database.execute(
            cached: """
                UPDATE events SET tip = kind = 'head' OR COALESCE((
                    SELECT o.tip FROM events o
                    WHERE o.adapter = events.adapter AND o.version = events.version AND o.kind = 'version'
                        AND o.seq < events.seq ORDER BY o.seq DESC LIMIT 1), 1)
                WHERE seq = ?
                """, arguments: [event])
        var changed = [event]
        var seen: Set<Int64> = []
        var waiting = Array(parents.prefix(Self.parentLimit))
        while let parent = waiting.popLast() {
            guard seen.insert(parent).inserted, let state = try TipState.fetch(database, parent) else { continue }
            changed.append(parent)
            if state.isTip { try endTip(database, adapter, parent, state) }
            if state.isRefused { waiting += try ancestors(database, ofRefused: parent, followedBy: event) }
        }
        return changed
    }

    /// Whether an event is a tip, and what that hangs on.
    private struct TipState {
        let isTip: Bool
        /// Nil if it is no version that the event brought.
        let version: VersionID?
        /// Whether the version that it is about was refused.
        let isRefused: Bool

        static func fetch(_ database: Database, _ event: Int64) throws -> TipState? {
            try Row.fetchOne(
                database,
                cached: """
                    SELECT tip, CASE kind WHEN 'version' THEN version END AS version, EXISTS (
                        SELECT 1 FROM versions v JOIN blobs b ON b.id = v.blob
                        WHERE v.adapter = events.adapter AND v.id = events.version AND b.state = \(BlobState.refused)) AS refused
                    FROM events WHERE seq = ?
                    """, arguments: [event]
            ).map {
                TipState(
                    isTip: try $0.value("tip"), version: try $0.optional("version"), isRefused: try $0.value("refused"))
            }
        }
    }

    private func endTip(_ database: Database, _ adapter: AdapterID, _ event: Int64, _ state: TipState) throws {
        guard let version = state.version else {
            return try database.execute(cached: "UPDATE events SET tip = 0 WHERE seq = ?", arguments: [event])
        }
        try database.execute(
            cached: """
                UPDATE events SET tip = 0 WHERE adapter = ? AND version = ? AND kind = 'version' AND tip = 1
                """, arguments: [adapter, version])
    }

    /// The events that an event of a refused version follows: what follows it follows them. None if another one that
    /// counts has followed it before.
    private func ancestors(
        _ database: Database, ofRefused event: Int64, followedBy newest: Int64
    ) throws -> [Int64] {
        try Int64.fetchAll(
            database,
            cached: """
                SELECT parent FROM event_parents WHERE event = :event AND NOT EXISTS (
                    SELECT 1 FROM event_parents p JOIN events o ON o.seq = p.event
                    WHERE p.parent = :event AND p.event <> :newest AND NOT EXISTS (
                        SELECT 1 FROM versions v JOIN blobs b ON b.id = v.blob
                        WHERE v.adapter = o.adapter AND v.id = o.version AND b.state = \(BlobState.refused)))
                """, arguments: ["event": event, "newest": newest])
    }

    /// Finds the tips of an adapter anew, after events were taken away or a version was refused.
    ///
    /// A refused version is no tip and follows nothing; what follows it does follow what it was made from.
    func recountTips(_ database: Database, _ adapter: AdapterID) throws {
        try database.execute(
            sql: """
                WITH RECURSIVE sound (seq) AS (
                    SELECT e.seq FROM events e WHERE e.adapter = :adapter AND e.kind IN ('version', 'head')
                        AND NOT EXISTS (
                            SELECT 1 FROM versions v JOIN blobs b ON b.id = v.blob
                            WHERE v.adapter = e.adapter AND v.id = e.version AND b.state = \(BlobState.refused))
                ), followed (seq) AS (
                    SELECT p.parent FROM event_parents p JOIN sound s ON s.seq = p.event
                    UNION SELECT p.parent FROM event_parents p JOIN followed f ON f.seq = p.event
                )
                UPDATE events SET tip = seq IN (SELECT seq FROM sound) AND seq NOT IN (SELECT seq FROM followed)
                    AND NOT (kind = 'version' AND version IN (
                        SELECT o.version FROM events o JOIN followed f ON f.seq = o.seq WHERE o.kind = 'version'))
                WHERE adapter = :adapter
                """, arguments: ["adapter": adapter])
    }

    /// The events that a local change follows: heads with one of these versions, else the newest event of `version`.
    private func tips(
        _ database: Database, _ adapter: AdapterID, at version: VersionID?, orAmong lines: Set<VersionID>
    ) throws -> [Int64] {
        let tips = try Self.tips(database, adapter).filter { lines.contains($0.version) }.map(\.event)
        let here = try version.flatMap { version in
            try Int64.fetchOne(
                database,
                sql: """
                    SELECT MAX(seq) FROM events WHERE adapter = ? AND version = ? AND kind IN ('version', 'head')
                    """, arguments: [adapter, version])
        }
        guard let here, let version, try !Self.tips(database, adapter).contains(where: { $0.version == version }) else {
            return tips
        }
        return [here] + tips
    }
}
