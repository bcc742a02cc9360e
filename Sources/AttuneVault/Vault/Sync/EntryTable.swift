// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// Keeps the logs of all devices: their entries as signed, and where each log ends.
package struct EntryTable: Sendable {
    let vault: Vault

    /// Reads the newest accepted entry of each device that has one.
    package func heads() throws -> [DeviceID: LogPosition] {
        try vault.read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM entry_heads").reduce(into: [:]) {
                $0[try $1.value("device", as: DeviceID.self)] = try $1.position()
            }
        }
    }

    /// Reads the largest lamport number of any accepted entry; 0 if there is none.
    ///
    /// - Parameter cutOffs: the last seq that counts, for each device of which something goes; nothing goes by default.
    package func largestLamport(besides cutOffs: [DeviceID: UInt64] = [:]) throws -> UInt64 {
        try vault.read { database in
            let rows = try Row.fetchCursor(
                database, sql: "SELECT device, seq, lamport FROM entries ORDER BY lamport DESC")
            while let row = try rows.next() {
                let last = cutOffs[try row.value("device", as: DeviceID.self)]
                if try last ?? .max >= UInt64(clamping: row.value("seq", as: Int64.self)) {
                    return UInt64(clamping: try row.value("lamport", as: Int64.self))
                }
            }
            return 0
        }
    }

    /// Finds the hash of the accepted entry of `device` at `seq`.
    package func hash(of device: DeviceID, seq: UInt64) throws -> EntryHash? {
        guard let seq = Int64(exactly: seq) else { return nil }
        return try vault.read { database in
            try Self.hash(database, of: device, seq: seq)
        }
    }

    /// Reads the accepted entry with this hash, as received.
    package func fetch(_ hash: EntryHash) throws -> [UInt8]? {
        try vault.read { database in
            try Row.fetchOne(database, cached: "SELECT bytes FROM entries WHERE hash = ?", arguments: [hash])?
                .bytes("bytes")
        }
    }

    /// Reads entries of a device in order; no more than fit in `byteLimit`, but at least one if there is one.
    package func page(of device: DeviceID, after seq: UInt64, limit: Int, byteLimit: Int) throws -> [[UInt8]] {
        guard let seq = Int64(exactly: seq), limit > 0 else { return [] }
        return try vault.read { database in
            var total = 0
            var result: [[UInt8]] = []
            let rows = try Row.fetchCursor(
                database, sql: "SELECT bytes FROM entries WHERE device = ? AND seq > ? ORDER BY seq LIMIT ?",
                arguments: [device, seq, limit])
            while let row = try rows.next() {
                let bytes = try row.bytes("bytes")
                total += bytes.count
                if total > byteLimit, !result.isEmpty { break }
                result.append(bytes)
            }
            return result
        }
    }

    /// Appends entries that follow on the heads; those accepted already are passed over.
    ///
    /// - Throws: `VaultError` E-VAULT-052 if one does not follow; nothing is accepted then.
    package func accept(_ entries: [StoredEntry]) throws {
        try vault.write { database in
            let time = Timestamp.milliseconds(vault.now())
            for entry in entries { try Self.append(database, entry, isApplied: false, at: time) }
        }
    }

    /// Lists accepted entries that were not opened yet, in the order they came, each with its place in that order.
    ///
    /// - Parameter means: what they would be opened with; those that were looked at in vain with the same are left out.
    package func unapplied(
        after number: Int64 = 0, limit: Int, means: String = ""
    ) throws -> [(number: Int64, bytes: [UInt8])] {
        try vault.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT number, bytes FROM entries
                    WHERE applied = \(EntryState.waiting) AND number > ? AND looked IS NOT ? ORDER BY number LIMIT ?
                    """,
                arguments: [number, means, limit]
            ).map { (try $0.value("number"), try $0.bytes("bytes")) }
        }
    }

    /// Notes that entries wait for other means to be opened with, so that they are not opened again with the same.
    package func putOff(_ entries: [EntryHash], means: String) throws {
        guard !entries.isEmpty else { return }
        try vault.write { database in
            for hash in entries {
                try database.execute(
                    cached: "UPDATE entries SET looked = ? WHERE hash = ? AND applied = ?",
                    arguments: [means, hash, EntryState.waiting])
            }
        }
    }

    /// Notes that an entry cannot be applied, now or later: it stays in the log and changes nothing.
    package func refuse(_ hash: EntryHash) throws {
        try vault.write { try Self.mark($0, hash, as: .refused) }
    }

    /// Reads the newest own entry that was ever published here, from the file beside the database.
    package func ownMark() throws -> LogPosition? {
        guard let identity = try vault.circle.identity() else { return nil }
        return try OwnHeadFile(folder: vault.folder, key: vault.key.copy()).read(device: identity.device)
    }
}

extension EntryTable {
    static func state(_ database: Database, _ hash: EntryHash) throws -> EntryState? {
        try EntryState.fetchOne(database, cached: "SELECT applied FROM entries WHERE hash = ?", arguments: [hash])
    }

    static func hash(_ database: Database, of device: DeviceID, seq: Int64) throws -> EntryHash? {
        try Row.fetchOne(
            database, cached: "SELECT hash FROM entries WHERE device = ? AND seq = ?", arguments: [device, seq])?
            .value("hash")
    }

    /// Finds the first entry of each device that names a blob.
    static func firsts(_ database: Database, naming blob: BlobID) throws -> [(device: DeviceID, seq: Int64)] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT n.device, MIN(n.seq) AS seq FROM claims c JOIN entries n ON n.hash = c.entry
                WHERE c.blob = ? GROUP BY n.device
                """, arguments: [blob]
        ).map { (try $0.value("device"), try $0.value("seq")) }
    }

    /// Finds the entry by which a version came with these bytes; nil if it came in none.
    static func origin(
        _ database: Database, of version: VersionRecord
    ) throws -> (device: DeviceID, seq: UInt64, bytes: [UInt8])? {
        try Row.fetchOne(
            database,
            sql: """
                SELECT n.device, n.seq, n.bytes FROM claims c JOIN entries n ON n.hash = c.entry
                WHERE c.version = ? AND c.blob = ? ORDER BY c.lamport, c.device LIMIT 1
                """, arguments: [version.row, version.blob]
        ).map {
            (try $0.value("device"), UInt64(clamping: try $0.value("seq", as: Int64.self)), try $0.bytes("bytes"))
        }
    }

    /// Has an entry applied once more with the next sync; false if it is not here.
    static func applyAgain(_ database: Database, _ hash: EntryHash) throws -> Bool {
        try database.execute(
            cached: "UPDATE entries SET applied = ?, looked = NULL WHERE hash = ?",
            arguments: [EntryState.waiting, hash])
        return database.changesCount == 1
    }

    /// Has those entries applied once more of which nothing is noted; how many they are.
    static func applyUnnotedAgain(_ database: Database) throws -> Int {
        try database.execute(
            sql: """
                UPDATE entries SET applied = ?, looked = NULL WHERE applied = ?
                    AND hash NOT IN (SELECT entry FROM events WHERE entry IS NOT NULL)
                """, arguments: [EntryState.waiting, EntryState.applied])
        return database.changesCount
    }

    static func mark(_ database: Database, _ hash: EntryHash, as state: EntryState) throws {
        try database.execute(cached: "UPDATE entries SET applied = ? WHERE hash = ?", arguments: [state, hash])
    }

    /// Appends an entry that follows on its device's head; passes over one that is there.
    ///
    /// - Parameter time: when it came here, in milliseconds; for show only.
    static func append(_ database: Database, _ entry: StoredEntry, isApplied: Bool, at time: Int64? = nil) throws {
        guard let seq = Int64(exactly: entry.seq), let lamport = Int64(exactly: entry.lamport) else {
            throw VaultError.notNext
        }
        let known = try Bool.fetchOne(
            database, cached: "SELECT EXISTS (SELECT 1 FROM entries WHERE hash = ?)", arguments: [entry.hash])
        if known == true { return }
        let head = try Row.fetchOne(
            database, cached: "SELECT * FROM entry_heads WHERE device = ?", arguments: [entry.device]
        ).map { try $0.position() }
        guard entry.seq == (head?.seq ?? 0) + 1, entry.previous == head?.hash ?? .zero else {
            throw VaultError.notNext
        }
        try database.execute(
            cached: """
                INSERT INTO entries (hash, device, seq, kind, lamport, bytes, applied, arrived)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                entry.hash, entry.device, seq, entry.kind, lamport, Data(entry.bytes),
                isApplied ? EntryState.applied : .waiting,
                time,
            ])
        try database.execute(
            cached: """
                INSERT INTO entry_heads (device, seq, hash) VALUES (?, ?, ?)
                ON CONFLICT (device) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
                """, arguments: [entry.device, seq, entry.hash])
    }
}
