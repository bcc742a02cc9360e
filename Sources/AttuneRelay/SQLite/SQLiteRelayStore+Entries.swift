// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import GRDB

extension SQLiteRelayStore {
    package func append(
        _ entries: [StoredEntry], to circle: Digest256, release: ReleaseAllowance
    ) async throws -> [AppendOutcome] {
        let (now, rules) = (now(), rules)
        return try await change(circle) { database, row in
            var log = EntryLog(circle: row, database: database, now: now, rules: rules)
            let outcomes = try entries.map { try log.append($0, release: release) }
            try database.execute(
                sql: "UPDATE circles SET entries = ?, bytes = ? WHERE number = ?",
                arguments: [Int64(log.count), Int64(log.bytes), row.number])
            return outcomes
        }
    }

    package func entries(
        of circle: Digest256, device: DeviceID?, after: UInt64, limit: Int
    ) async throws -> EntryPage {
        try await read(circle) { database, row in
            // Two more than asked for: one tells whether more follow, one may be the other half of a fork.
            let after = Int64(clamping: after)
            let rows =
                if let device {
                    try Row.fetchAll(
                        database,
                        sql: """
                            SELECT seq, bytes FROM entries WHERE circle = ? AND device = ? AND seq > ?
                            ORDER BY seq, position LIMIT ?
                            """, arguments: [row.number, Data(device.bytes), after, limit + 2])
                } else {
                    try Row.fetchAll(
                        database,
                        sql: """
                            SELECT position AS seq, bytes FROM entries WHERE circle = ? AND position > ?
                            ORDER BY position LIMIT ?
                            """, arguments: [row.number, after, limit + 2])
                }
            var count = min(limit, rows.count)
            while count > 0, count < rows.count, rows[count]["seq"] as Int64 == rows[count - 1]["seq"] as Int64 {
                count += 1
            }
            return EntryPage(entries: rows[..<count].map { Array($0["bytes"] as Data) }, more: count < rows.count)
        }
    }
}

/// Appends entries to one circle inside a transaction.
private struct EntryLog {
    let circle: CircleRow
    let database: Database
    let now: Int64
    let rules: RetentionRules
    private(set) var count: UInt64
    private(set) var bytes: UInt64

    init(circle: CircleRow, database: Database, now: Int64, rules: RetentionRules) {
        self.circle = circle
        self.database = database
        self.now = now
        self.rules = rules
        count = circle.entries
        bytes = circle.bytes
    }

    mutating func append(_ entry: StoredEntry, release: ReleaseAllowance) throws -> AppendOutcome {
        let hash = Data(entry.hash.bytes)
        let device = Data(entry.device.bytes)
        guard let seq = Int64(exactly: entry.seq), seq > 0 else { return .refused }
        if try exists("SELECT 1 FROM entries WHERE circle = ? AND hash = ?", [circle.number, hash]) { return .exists }
        let same = try Int.fetchOne(
            database, sql: "SELECT COUNT(*) FROM entries WHERE circle = ? AND device = ? AND seq = ?",
            arguments: [circle.number, device, seq])
        // Two are the evidence of a fork; more would only take room.
        guard let same, same < 2, count < rules.circleEntries else { return .refused }
        if seq == 1 {
            guard entry.previous.bytes.allSatisfy({ $0 == 0 }) else { return .refused }
        } else {
            let follows = try exists(
                "SELECT 1 FROM entries WHERE circle = ? AND hash = ? AND device = ? AND seq = ?",
                [circle.number, Data(entry.previous.bytes), device, seq - 1])
            guard follows else { return .gap }
        }
        let limit = circle.quota ?? rules.circleBytes
        guard bytes + UInt64(entry.bytes.count) <= limit else { throw RelayError.quota(used: bytes, limit: limit) }
        if !entry.released.isEmpty, try !free(entry.released, allowance: release) { return .releaseLimit }
        try insert(entry, seq: seq)
        return same == 0 ? .new : .fork
    }

    private mutating func insert(_ entry: StoredEntry, seq: Int64) throws {
        count += 1
        bytes += UInt64(entry.bytes.count)
        let (device, hash, position) = (Data(entry.device.bytes), Data(entry.hash.bytes), Int64(count))
        try run(
            "INSERT INTO entries (circle, position, device, seq, hash, bytes) VALUES (?, ?, ?, ?, ?, ?)",
            [circle.number, position, device, seq, hash, Data(entry.bytes)])
        for chunk in entry.chunks {
            try run(
                "INSERT OR IGNORE INTO entry_chunks (circle, chunk, position) VALUES (?, ?, ?)",
                [circle.number, Data(chunk.bytes), position])
            try run(
                "UPDATE chunks SET released = NULL WHERE circle = ? AND id = ?", [circle.number, Data(chunk.bytes)])
        }
        try run(
            """
            INSERT INTO heads (circle, device, seq, hash) VALUES (?, ?, ?, ?)
            ON CONFLICT (circle, device) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
            WHERE excluded.seq > heads.seq
            """, [circle.number, device, seq, hash])
    }

    /// Marks what no other entry needs; false, and no change, where that is more than allowed.
    private func free(_ released: [Digest256], allowance: ReleaseAllowance) throws -> Bool {
        var isAllowed = true
        try database.inSavepoint {
            for hash in released {
                try run(
                    "UPDATE entries SET released = 1 WHERE circle = ? AND hash = ?", [circle.number, Data(hash.bytes)])
            }
            let freed = """
                circle = :circle AND released IS NULL
                AND id IN (SELECT chunk FROM entry_chunks WHERE circle = :circle)
                AND NOT EXISTS (
                    SELECT 1 FROM entry_chunks AS link JOIN entries AS entry
                    ON entry.circle = link.circle AND entry.position = link.position
                    WHERE link.circle = chunks.circle AND link.chunk = chunks.id AND entry.released = 0)
                """
            let amount = try sum("SELECT SUM(size) FROM chunks WHERE \(freed)", ["circle": circle.number])
            let today = try sum(
                "SELECT SUM(bytes) FROM releases WHERE circle = :circle AND time > :since",
                ["circle": circle.number, "since": now - 86_400])
            let kept = try sum(
                "SELECT SUM(size) FROM chunks WHERE circle = :circle AND released IS NULL", ["circle": circle.number])
            if case .half = allowance, (today + amount) > (kept + today) / 2 {
                isAllowed = false
                return .rollback
            }
            try database.execute(
                sql: "UPDATE chunks SET released = :now WHERE \(freed)",
                arguments: ["circle": circle.number, "now": now])
            try run("INSERT INTO releases (circle, time, bytes) VALUES (?, ?, ?)", [circle.number, now, amount])
            return .commit
        }
        return isAllowed
    }

    private func sum(_ sql: String, _ arguments: StatementArguments) throws -> Int64 {
        try Int64.fetchOne(database, sql: sql, arguments: arguments) ?? 0
    }

    private func exists(_ sql: String, _ arguments: StatementArguments) throws -> Bool {
        try Bool.fetchOne(try database.cachedStatement(sql: sql), arguments: arguments) ?? false
    }

    private func run(_ sql: String, _ arguments: StatementArguments) throws {
        try database.cachedStatement(sql: sql).execute(arguments: arguments)
    }
}
