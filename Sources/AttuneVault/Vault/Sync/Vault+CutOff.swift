// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// What becomes of this store when entries of a device stop counting: it is as if they had never been.
extension Vault {
    /// Drops the entries of a device beyond one, and all that only they said.
    ///
    /// Versions that only they brought go: those whose bytes were taken into use to the trash, from which a person can
    /// take them back, the others for good. Names, trash and heads are again what the entries that count say.
    ///
    /// - Returns: ids of chunk files that nothing needs any more.
    func cutOff(_ database: Database, _ device: DeviceID, after seq: Int64) throws -> [ChunkID] {
        let dropped = "SELECT hash FROM entries WHERE device = :device AND seq > :seq"
        let arguments: StatementArguments = ["device": device, "seq": seq]
        func adapters(_ condition: String) throws -> Set<AdapterID> {
            Set(
                try Row.fetchAll(
                    database, sql: "SELECT DISTINCT adapter FROM events WHERE entry IN (\(dropped)) AND \(condition)",
                    arguments: arguments
                ).map { try $0.value("adapter") })
        }
        let touched = try adapters("TRUE")
        // What was made and named here stays, also where this device itself is the one that was shut out.
        let isOwn = try Self.circleIdentity(database)?.device == device
        let (renamed, trashed) =
            isOwn ? ([], []) : (try adapters("kind = 'name'"), try adapters("kind = 'trashed'"))
        let rows =
            isOwn
            ? []
            : try Int64.fetchAll(
                database, sql: "SELECT DISTINCT version FROM claims WHERE entry IN (\(dropped))", arguments: arguments)
        let blobs = try Row.fetchAll(
            database, sql: "SELECT DISTINCT blob FROM claims WHERE entry IN (\(dropped))", arguments: arguments
        ).map { try $0.value("blob", as: BlobID.self) }

        let told = try Int64.fetchSet(
            database,
            sql: """
                SELECT v.seq FROM claims c JOIN versions v ON v.seq = c.version
                WHERE c.entry IN (\(dropped)) AND v.parents = c.parents AND v.created = c.created
                    AND v.loss_before IS c.loss_before AND v.loss_after IS c.loss_after
                """, arguments: arguments)

        try database.execute(sql: "DELETE FROM claims WHERE entry IN (\(dropped))", arguments: arguments)
        try database.execute(sql: "DELETE FROM events WHERE entry IN (\(dropped))", arguments: arguments)
        try database.execute(sql: "DELETE FROM entries WHERE device = :device AND seq > :seq", arguments: arguments)
        try database.execute(sql: "DELETE FROM entry_heads WHERE device = ?", arguments: [device])
        try database.execute(
            sql: """
                INSERT INTO entry_heads (device, seq, hash)
                SELECT device, seq, hash FROM entries WHERE device = ? ORDER BY seq DESC LIMIT 1
                """, arguments: [device])

        var unused: [ChunkID] = []
        var discarded: [AdapterID: [VersionRecord]] = [:]
        for row in rows {
            guard let version = try Self.version(database, row: row) else { continue }
            let adapter = version.adapterID
            if try Self.isSaid(database, version) {
                try showClaim(database, version: row)
                if told.contains(row) { try retell(database, version: row) }
            } else if version.state == .here {
                discarded[adapter, default: []].append(version)
            } else {
                unused += try erase(database, version)
            }
        }
        for blob in blobs { unused += try StoredBlob.release(database, id: blob) }
        try showNamesThatCount(database, denied: renamed)
        for adapter in touched {
            try recountTips(database, adapter)
            try showWhatCounts(database, adapter, isDenied: trashed.contains(adapter))
        }
        for (adapter, versions) in discarded { try discard(database, versions, of: adapter) }
        for adapter in touched { try eraseIfEmpty(database, adapter) }
        try showNamesThatCount(database, denied: nil)
        try lookAgain(database)
        return unused
    }

    /// Whether a claim or an event that counts says a version, or nothing ever did but this device.
    private static func isSaid(_ database: Database, _ version: VersionRecord) throws -> Bool {
        try Bool.fetchOne(
            database,
            cached: """
                SELECT EXISTS (SELECT 1 FROM claims WHERE version = :row)
                    OR EXISTS (SELECT 1 FROM events WHERE adapter = :adapter AND version = :id)
                """,
            arguments: ["row": version.row, "adapter": version.adapterID, "id": version.id]) ?? true
    }

    /// Forgets a version whose bytes were never in use.
    private func erase(_ database: Database, _ version: VersionRecord) throws -> [ChunkID] {
        try database.execute(cached: "UPDATE adapters SET head = NULL WHERE head = ?", arguments: [version.row])
        try database.execute(
            cached: "DELETE FROM trash WHERE kind = 'version' AND subject = ?", arguments: ["\(version.row)"])
        try database.execute(cached: "DELETE FROM versions WHERE seq = ?", arguments: [version.row])
        return try StoredBlob.release(database, id: version.blob)
    }

    /// Takes a version out of the trash that lies there only because nobody said it for a while.
    func takeBack(_ database: Database, version row: Int64, of adapter: AdapterID) throws {
        for (kind, subject) in [(TrashEntry.Kind.adapter, adapter.description), (.version, "\(row)")] {
            let isThere = try Bool.fetchOne(
                database, cached: "SELECT EXISTS (SELECT 1 FROM trash WHERE kind = ? AND subject = ?)",
                arguments: [kind, subject])
            guard isThere == true else { continue }
            let isMeant = try Bool.fetchOne(
                database,
                cached: """
                    SELECT EXISTS (SELECT 1 FROM operations WHERE kind = 'trash' AND reversal = ?)
                        OR EXISTS (SELECT 1 FROM events WHERE adapter = ? AND kind = 'trashed' AND trashed = 1)
                    """,
                arguments: [try storedJSON(Reversal.restore(kind: kind, subject: subject)), adapter])
            guard isMeant == false else { continue }
            if kind == .adapter {
                try showWhatCounts(database, adapter, isDenied: true)
            } else {
                try setTrashed(database, kind, subject, false, name: "", isLocal: false)
            }
        }
    }

    /// Moves versions that nobody says any more to the trash, with their adapter where it has no others.
    private func discard(_ database: Database, _ versions: [VersionRecord], of adapter: AdapterID) throws {
        let rows = Set(versions.map(\.row))
        let others = try Int64.fetchAll(
            database, cached: "SELECT seq FROM versions WHERE adapter = ? AND trashed = 0 ORDER BY number",
            arguments: [adapter]
        ).filter { !rows.contains($0) }
        guard let last = others.last,
            let row = try Row.fetchOne(database, cached: "SELECT * FROM adapters WHERE id = ?", arguments: [adapter])
        else {
            let name = try String.fetchOne(
                database, cached: "SELECT name FROM adapters WHERE id = ? AND trashed = 0", arguments: [adapter])
            guard let name else { return }
            return try setTrashed(database, .adapter, adapter.description, true, name: name, isLocal: false)
        }
        if let head = try row.optional("head", as: Int64.self), versions.contains(where: { $0.row == head }) {
            try setHead(database, adapter, to: last)
        }
        for version in versions {
            let isTrashed = try Bool.fetchOne(
                database, cached: "SELECT trashed FROM versions WHERE seq = ?", arguments: [version.row])
            guard isTrashed == false else { continue }
            try setTrashed(database, .version, "\(version.row)", true, name: "\(version.reference)", isLocal: false)
        }
    }

    /// Forgets an adapter of which nothing is left.
    private func eraseIfEmpty(_ database: Database, _ adapter: AdapterID) throws {
        let isNeeded = try Bool.fetchOne(
            database,
            cached: """
                SELECT EXISTS (SELECT 1 FROM versions WHERE adapter = :id)
                    OR EXISTS (SELECT 1 FROM events WHERE adapter = :id)
                """, arguments: ["id": adapter])
        guard isNeeded == false else { return }
        let subject = adapter.description
        try database.execute(cached: "DELETE FROM trash WHERE kind = 'adapter' AND subject = ?", arguments: [subject])
        try database.execute(cached: "UPDATE operations SET reversal = NULL WHERE subject = ?", arguments: [subject])
        try database.execute(cached: "DELETE FROM adapters WHERE id = ?", arguments: [adapter])
    }

    /// Bytes that a device let go which does not count any more are wanted again, and what was refused for what it had
    /// said before is looked at once more.
    private func lookAgain(_ database: Database) throws {
        try database.execute(
            sql: "UPDATE entries SET applied = ?, looked = NULL WHERE applied = ?",
            arguments: [EntryState.waiting, EntryState.refused])
        for adapter in try Row.fetchAll(database, sql: "SELECT id FROM adapters") {
            try refreshWanted(database, try adapter.value("id"))
        }
    }
}
