// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Keeps which events about the heads of adapters no other one follows: the tips.
extension EventTable {
    /// Events about the head of an adapter that no other such event follows, oldest first.
    static func tips(
        _ database: Database, _ adapter: AdapterID
    ) throws -> [(event: Int64, version: VersionID, device: DeviceID?)] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT e.seq, e.version, COALESCE(
                    (SELECT v.device FROM events v
                     WHERE v.adapter = e.adapter AND v.kind = 'version' AND v.version = e.version LIMIT 1),
                    e.device) AS device
                FROM events e WHERE e.adapter = ? AND e.tip = 1
                ORDER BY e.seq
                """, arguments: [adapter]
        ).map {
            (
                try $0.value("seq"), try $0.value("version"),
                try $0.optional("device")
            )
        }
    }

    /// Queries the tips `e` of an adapter with their versions `v`.
    private static let tipsHere = """
        events e JOIN versions v ON v.adapter = e.adapter AND v.id = e.version
        WHERE e.adapter = :adapter AND e.tip = 1
        """

    static func isTip(_ database: Database, version row: Int64) throws -> Bool {
        try Bool.fetchOne(
            database,
            cached: """
                SELECT EXISTS (SELECT 1 FROM versions v JOIN events e
                    ON e.adapter = v.adapter AND e.version = v.id WHERE v.seq = ? AND e.tip = 1)
                """, arguments: [row]) ?? false
    }

    /// Finds the version of the oldest tip of an adapter.
    static func firstTip(_ database: Database, _ adapter: AdapterID) throws -> Int64? {
        try Int64.fetchOne(
            database, cached: "SELECT v.seq FROM \(tipsHere) ORDER BY e.seq LIMIT 1", arguments: ["adapter": adapter])
    }

    /// True if no tip of an adapter is of another version.
    static func isOnlyTip(_ database: Database, _ adapter: AdapterID, version row: Int64) throws -> Bool {
        try Bool.fetchOne(
            database, cached: "SELECT NOT EXISTS (SELECT 1 FROM \(tipsHere) AND v.seq <> :first)",
            arguments: ["adapter": adapter, "first": row]) ?? false
    }

    /// Makes a new event a tip, and what it follows none any more.
    ///
    /// Two devices may say the same version, one that made it and one that got it in a file: what follows one of them
    /// follows the other, so all of them are tips or none is. Comes to what `recountTips` finds, without looking at
    /// other events than those that change.
    ///
    /// - Returns: the events that are tips now or are none any more.
    static func markTips(
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

    /// Tells whether an event is a tip, and what that hangs on.
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

    private static func endTip(_ database: Database, _ adapter: AdapterID, _ event: Int64, _ state: TipState) throws {
        guard let version = state.version else {
            return try database.execute(cached: "UPDATE events SET tip = 0 WHERE seq = ?", arguments: [event])
        }
        try database.execute(
            cached: """
                UPDATE events SET tip = 0 WHERE adapter = ? AND version = ? AND kind = 'version' AND tip = 1
                """, arguments: [adapter, version])
    }

    /// Finds the events that an event of a refused version follows: what follows it follows them. None if another one that
    /// counts has followed it before.
    private static func ancestors(
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
    static func recountTips(_ database: Database, _ adapter: AdapterID) throws {
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

    /// Finds the events that a local change follows: heads with one of these versions, else the newest event of `version`.
    static func tips(
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
