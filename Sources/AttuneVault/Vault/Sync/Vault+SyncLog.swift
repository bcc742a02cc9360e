// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension Vault {
    /// The newest accepted entry of each device that has one.
    package func entryHeads() throws -> [DeviceID: LogPosition] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM entry_heads").reduce(into: [:]) {
                $0[try $1.value("device", as: DeviceID.self)] = try Self.position($1)
            }
        }
    }

    /// The largest lamport number of any accepted entry; 0 if there is none.
    ///
    /// - Parameter cutOffs: the last seq that counts, for each device of which something goes; nothing goes by default.
    package func largestLamport(besides cutOffs: [DeviceID: UInt64] = [:]) throws -> UInt64 {
        try read { database in
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

    /// The hash of the accepted entry of `device` at `seq`.
    package func entryHash(of device: DeviceID, seq: UInt64) throws -> EntryHash? {
        guard let seq = Int64(exactly: seq) else { return nil }
        return try read { database in
            try Row.fetchOne(
                database, cached: "SELECT hash FROM entries WHERE device = ? AND seq = ?", arguments: [device, seq]
            )?.value("hash", as: EntryHash.self)
        }
    }

    /// The accepted entry with this hash, as received.
    package func entry(_ hash: EntryHash) throws -> [UInt8]? {
        try read { database in
            try Row.fetchOne(database, cached: "SELECT bytes FROM entries WHERE hash = ?", arguments: [hash])?
                .bytes("bytes")
        }
    }

    /// Entries of a device in order; no more than fit in `byteLimit`, but at least one if there is one.
    package func entries(of device: DeviceID, after seq: UInt64, limit: Int, byteLimit: Int) throws -> [[UInt8]] {
        guard let seq = Int64(exactly: seq), limit > 0 else { return [] }
        return try read { database in
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
    package func acceptEntries(_ entries: [StoredEntry]) throws {
        try write { database in
            let time = Timestamp.milliseconds(now())
            for entry in entries { try Self.append(database, entry, isApplied: false, at: time) }
        }
    }

    /// Accepted entries that were not opened yet, in the order they came, each with its place in that order.
    ///
    /// - Parameter means: what they would be opened with; those that were looked at in vain with the same are left out.
    package func unappliedEntries(
        after number: Int64 = 0, limit: Int, means: String = ""
    ) throws -> [(number: Int64, bytes: [UInt8])] {
        try read { database in
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
        try write { database in
            for hash in entries {
                try database.execute(
                    cached: "UPDATE entries SET looked = ? WHERE hash = ? AND applied = ?",
                    arguments: [means, hash, EntryState.waiting])
            }
        }
    }

    /// Moves the names that stood still for what does not stop them any more.
    package func moveHeldNames() throws {
        guard try setting(Self.heldNames) != nil else { return }
        try write { database in
            try moveNames(database)
            try database.execute(sql: "DELETE FROM settings WHERE key = ?", arguments: [Self.heldNames])
        }
    }

    /// Set by the step of the layout after which fewer things hold up names.
    private static let heldNames = "sync.held-names"

    /// Notes that an entry cannot be applied, now or later: it stays in the log and changes nothing.
    package func refuseEntry(_ hash: EntryHash) throws {
        try write { try Self.mark($0, hash, as: .refused) }
    }

    static func mark(_ database: Database, _ hash: EntryHash, as state: EntryState) throws {
        try database.execute(cached: "UPDATE entries SET applied = ? WHERE hash = ?", arguments: [state, hash])
    }

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
        ).map { try position($0) }
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

    static func position(_ row: Row) throws -> LogPosition {
        LogPosition(seq: UInt64(clamping: try row.value("seq", as: Int64.self)), hash: try row.value("hash"))
    }
}
