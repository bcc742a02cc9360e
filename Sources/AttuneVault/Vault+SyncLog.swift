// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension Vault {
    /// The newest accepted entry of each device (16 bytes) that has one.
    package func entryHeads() throws -> [[UInt8]: LogPosition] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM entry_heads").reduce(into: [:]) {
                $0[try $1.bytes("device")] = try Self.position($1)
            }
        }
    }

    /// The largest lamport number of any accepted entry; 0 if there is none.
    package func largestLamport() throws -> UInt64 {
        UInt64(clamping: try read { try Int64.fetchOne($0, sql: "SELECT MAX(lamport) FROM entries") ?? 0 })
    }

    /// The hash of the accepted entry of `device` at `seq`.
    package func entryHash(of device: [UInt8], seq: UInt64) throws -> Digest256? {
        guard let seq = Int64(exactly: seq) else { return nil }
        return try read { database in
            try Row.fetchOne(
                database, sql: "SELECT hash FROM entries WHERE device = ? AND seq = ?", arguments: [Data(device), seq]
            )?.digest("hash")
        }
    }

    /// The accepted entry with this hash, as received.
    package func entry(_ hash: Digest256) throws -> [UInt8]? {
        try read { database in
            try Row.fetchOne(database, sql: "SELECT bytes FROM entries WHERE hash = ?", arguments: [hash.data])?
                .bytes("bytes")
        }
    }

    /// Entries of a device in order; no more than fit in `byteLimit`, but at least one if there is one.
    package func entries(of device: [UInt8], after seq: UInt64, limit: Int, byteLimit: Int) throws -> [[UInt8]] {
        guard let seq = Int64(exactly: seq), limit > 0 else { return [] }
        return try read { database in
            var total = 0
            var result: [[UInt8]] = []
            let rows = try Row.fetchCursor(
                database, sql: "SELECT bytes FROM entries WHERE device = ? AND seq > ? ORDER BY seq LIMIT ?",
                arguments: [Data(device), seq, limit])
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
            for entry in entries { try Self.append(database, entry, isApplied: false) }
        }
    }

    /// Accepted entries that were not opened yet, in the order they came, each with its place in that order.
    package func unappliedEntries(after number: Int64 = 0, limit: Int) throws -> [(number: Int64, bytes: [UInt8])] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT number, bytes FROM entries WHERE applied = 0 AND number > ? ORDER BY number LIMIT ?",
                arguments: [number, limit]
            ).map { (try $0.value("number"), try $0.bytes("bytes")) }
        }
    }

    /// Notes that an entry cannot be applied, now or later: it stays in the log and changes nothing.
    package func refuseEntry(_ hash: Digest256) throws {
        try write { try Self.mark($0, hash, applied: 2) }
    }

    static func mark(_ database: Database, _ hash: Digest256, applied: Int) throws {
        try database.execute(sql: "UPDATE entries SET applied = ? WHERE hash = ?", arguments: [applied, hash.data])
    }

    static func append(_ database: Database, _ entry: StoredEntry, isApplied: Bool) throws {
        guard let seq = Int64(exactly: entry.seq), let lamport = Int64(exactly: entry.lamport) else {
            throw VaultError.notNext
        }
        let known = try Bool.fetchOne(
            database, sql: "SELECT EXISTS (SELECT 1 FROM entries WHERE hash = ?)", arguments: [entry.hash.data])
        if known == true { return }
        let head = try Row.fetchOne(
            database, sql: "SELECT * FROM entry_heads WHERE device = ?", arguments: [Data(entry.device)]
        ).map { try position($0) }
        let zeros = entry.previous.bytes.allSatisfy { $0 == 0 }
        guard entry.seq == (head?.seq ?? 0) + 1, head.map({ $0.hash == entry.previous }) ?? zeros else {
            throw VaultError.notNext
        }
        try database.execute(
            sql: "INSERT INTO entries (hash, device, seq, kind, lamport, bytes, applied) VALUES (?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                entry.hash.data, Data(entry.device), seq, entry.kind, lamport, Data(entry.bytes), isApplied ? 1 : 0,
            ])
        try database.execute(
            sql: """
                INSERT INTO entry_heads (device, seq, hash) VALUES (?, ?, ?)
                ON CONFLICT (device) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
                """, arguments: [Data(entry.device), seq, entry.hash.data])
    }

    /// Drops the entries of a device beyond one, what they did to adapters, and versions that never came here, that nobody
    /// looked at yet, or that were refused.
    ///
    /// - Returns: ids of chunk files that nothing needs any more.
    func cutOff(_ database: Database, _ device: [UInt8], after seq: Int64) throws -> [Digest256] {
        let dropped = "SELECT hash FROM entries WHERE device = :device AND seq > :seq"
        let arguments: StatementArguments = ["device": Data(device), "seq": seq]
        let adapters = try Row.fetchAll(
            database, sql: "SELECT DISTINCT adapter FROM events WHERE entry IN (\(dropped))", arguments: arguments
        ).map { try $0.value("adapter", as: Data.self) }
        let lost = try Row.fetchAll(
            database,
            sql: """
                SELECT v.seq, v.blob FROM events e JOIN versions v ON v.adapter = e.adapter AND v.id = e.version
                JOIN blobs b ON b.id = v.blob
                WHERE e.kind = 'version' AND b.state <> 0 AND e.entry IN (\(dropped))
                """, arguments: arguments
        ).map { (try $0.value("seq", as: Int64.self), try $0.bytes("blob")) }
        try database.execute(sql: "DELETE FROM events WHERE entry IN (\(dropped))", arguments: arguments)
        try database.execute(
            sql: "DELETE FROM entries WHERE device = :device AND seq > :seq", arguments: arguments)
        try database.execute(sql: "DELETE FROM entry_heads WHERE device = ?", arguments: [Data(device)])
        try database.execute(
            sql: """
                INSERT INTO entry_heads (device, seq, hash)
                SELECT device, seq, hash FROM entries WHERE device = ? ORDER BY seq DESC LIMIT 1
                """, arguments: [Data(device)])
        var unused: [Digest256] = []
        for (row, blob) in lost {
            try database.execute(sql: "UPDATE adapters SET head = NULL WHERE head = ?", arguments: [row])
            try database.execute(
                sql: "DELETE FROM trash WHERE kind = 'version' AND subject = ?", arguments: ["\(row)"])
            try database.execute(sql: "DELETE FROM versions WHERE seq = ?", arguments: [row])
            unused += try StoredBlob.release(database, id: blob)
        }
        for adapter in adapters {
            try recountTips(database, adapter)
            try advance(database, adapter, isCutOff: true)
        }
        return unused
    }

    static func position(_ row: Row) throws -> LogPosition {
        LogPosition(seq: UInt64(clamping: try row.value("seq", as: Int64.self)), hash: try row.digest("hash"))
    }
}
