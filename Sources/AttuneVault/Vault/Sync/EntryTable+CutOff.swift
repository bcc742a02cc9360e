// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Makes this store, when entries of a device stop counting, as if they had never been.
extension EntryTable {
    /// Drops the entries of a device beyond one, and all that only they said.
    ///
    /// Versions that only they brought go: those whose bytes were taken into use to the trash, from which a person can
    /// take them back, the others for good. Names, trash and heads are again what the entries that count say.
    ///
    /// - Returns: ids of chunk files that nothing needs any more.
    func cutOff(_ database: Database, _ device: DeviceID, after seq: Int64) throws -> [ChunkID] {
        let dropped = "SELECT hash FROM entries WHERE device = :device AND seq > :seq"
        let arguments: StatementArguments = ["device": device, "seq": seq]
        func adapters(_ kind: EventKind? = nil) throws -> Set<AdapterID> {
            try EventTable.adapters(database, saidIn: dropped, arguments, kind: kind)
        }
        let touched = try adapters()
        // What was made and named here stays, also where this device itself is the one that was shut out.
        let isOwn = try CircleTable.identity(database)?.device == device
        let (renamed, trashed) =
            isOwn ? ([], []) : (try adapters(.name), try adapters(.trashed))
        let rows = isOwn ? [] : try ClaimTable.versions(database, saidIn: dropped, arguments)
        let blobs = try ClaimTable.blobs(database, saidIn: dropped, arguments)
        let told = try ClaimTable.versionsTold(database, in: dropped, arguments)

        try ClaimTable.drop(database, saidIn: dropped, arguments)
        try EventTable.drop(database, saidIn: dropped, arguments)
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
            guard let version = try VersionTable.fetch(database, row: row) else { continue }
            let adapter = version.adapterID
            if try Self.isSaid(database, version) {
                try ClaimTable.show(database, version: row)
                if told.contains(row) { try ClaimTable.retell(database, version: row) }
            } else if version.state == .here {
                discarded[adapter, default: []].append(version)
            } else {
                // Its bytes were never in use.
                unused += try VersionTable.erase(database, version)
            }
        }
        for blob in blobs { unused += try StoredBlob.release(database, id: blob) }
        try vault.adapters.showNamesThatCount(database, denied: renamed)
        for adapter in touched {
            try EventTable.recountTips(database, adapter)
            try vault.adapters.showWhatCounts(database, adapter, isDenied: trashed.contains(adapter))
        }
        for (adapter, versions) in discarded { try discard(database, versions, of: adapter) }
        for adapter in touched { try Self.eraseIfEmpty(database, adapter) }
        try vault.adapters.showNamesThatCount(database, denied: nil)
        try Self.lookAgain(database)
        return unused
    }

    /// True if a claim or an event that counts says a version, or nothing ever did but this device.
    private static func isSaid(_ database: Database, _ version: VersionRecord) throws -> Bool {
        try ClaimTable.isClaimed(database, version: version.row) || EventTable.isNoted(database, version)
    }

    /// Moves versions that nobody says any more to the trash, with their adapter where it has no others.
    private func discard(_ database: Database, _ versions: [VersionRecord], of adapter: AdapterID) throws {
        let rows = Set(versions.map(\.row))
        let others = try VersionTable.rows(database, of: adapter).filter { !rows.contains($0) }
        guard let row = try AdapterTable.row(database, adapter) else { return }
        guard let last = others.last else {
            guard try !row.value("trashed", as: Bool.self) else { return }
            let name = try row.value("name", as: String.self)
            return try vault.trash.setTrashed(database, .adapter, adapter.description, true, name: name, isLocal: false)
        }
        if let head = try row.optional("head", as: Int64.self), versions.contains(where: { $0.row == head }) {
            try AdapterTable.setHead(database, adapter, to: last)
        }
        for version in versions {
            guard try !VersionTable.isTrashed(database, version: version.row) else { continue }
            try vault.trash.setTrashed(
                database, .version, "\(version.row)", true, name: "\(version.reference)", isLocal: false)
        }
    }

    /// Forgets an adapter of which nothing is left.
    private static func eraseIfEmpty(_ database: Database, _ adapter: AdapterID) throws {
        guard try !VersionTable.hasAny(database, adapter) && !EventTable.isNoted(database, adapter) else { return }
        try TrashTable.remove(database, .adapter, adapter.description)
        try Journal.forgetReversals(database, subject: adapter.description)
        try AdapterTable.erase(database, adapter)
    }

    /// Wants bytes again that a device let go which does not count any more, and lets what was refused for what it had
    /// said before be looked at once more.
    private static func lookAgain(_ database: Database) throws {
        try database.execute(
            sql: "UPDATE entries SET applied = ?, looked = NULL WHERE applied = ?",
            arguments: [EntryState.waiting, EntryState.refused])
        for adapter in try AdapterTable.ids(database) { try PinTable.refreshWanted(database, adapter) }
    }
}
