// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Appends entries to one circle inside a transaction.
struct EntryLog {
    let circle: CircleRow
    let session: any SQLSession
    let now: Int64
    let rules: RetentionRules
    private(set) var count: UInt64
    private(set) var bytes: UInt64

    init(circle: CircleRow, session: any SQLSession, now: Int64, rules: RetentionRules) {
        self.circle = circle
        self.session = session
        self.now = now
        self.rules = rules
        count = circle.entries
        bytes = circle.bytes
    }

    mutating func append(_ entry: StoredEntry, release: ReleaseAllowance) throws -> AppendOutcome {
        let owner = SQLValue.int(circle.number)
        let device = SQLValue.bytes(entry.device.bytes)
        guard let seq = Int64(exactly: entry.seq), seq > 0 else { return .refused }
        if try session.exists("SELECT 1 FROM entries WHERE circle = $1 AND hash = $2", [owner, .digest(entry.hash)]) {
            return .exists
        }
        let same = try session.number(
            "SELECT COUNT(*) FROM entries WHERE circle = $1 AND device = $2 AND seq = $3", [owner, device, .int(seq)])
        // Two are the evidence of a fork; more would only take room.
        guard same < 2, count < rules.circleEntries else { return .refused }
        if seq > 1 {
            let follows = try session.exists(
                "SELECT 1 FROM entries WHERE circle = $1 AND hash = $2 AND device = $3 AND seq = $4",
                [owner, .digest(entry.previous), device, .int(seq - 1)])
            guard follows else { return .gap }
        } else if entry.previous.bytes.contains(where: { $0 != 0 }) {
            return .refused
        }
        let limit = circle.quota ?? rules.circleBytes
        guard bytes + UInt64(entry.bytes.count) <= limit else { throw RelayError.quota(used: bytes, limit: limit) }
        var isDue = false
        if !entry.released.isEmpty, try !free(entry.released, allowance: release) {
            // A log has no gaps: without this entry none of its later ones could ever come.
            guard release == .inTime else { return .releaseLimit }
            isDue = true
        }
        try insert(entry, seq: seq, isDue: isDue)
        return same == 0 ? .new : .fork
    }

    /// What the mark of a release says whose own releases are still due.
    private static let due: Int64 = 2

    /// Releases what is due, as far as the day's share goes.
    func freeWhatIsDue() throws {
        let owner = SQLValue.int(circle.number)
        let rows = try session.rows(
            "SELECT position, bytes FROM entries WHERE circle = $1 AND released = $2 ORDER BY position",
            [owner, .int(Self.due)])
        for row in rows {
            let released = try Entry(parsing: row.bytes(1)).released
            guard try released.allSatisfy({ try free([$0], allowance: .half) }) else { continue }
            try session.run(
                "UPDATE entries SET released = 0 WHERE circle = $1 AND position = $2", [owner, .int(row.int(0))])
        }
    }

    private mutating func insert(_ entry: StoredEntry, seq: Int64, isDue: Bool) throws {
        count += 1
        bytes += UInt64(entry.bytes.count)
        let owner = SQLValue.int(circle.number)
        let device = SQLValue.bytes(entry.device.bytes)
        try session.run(
            """
            INSERT INTO entries (circle, position, device, seq, hash, released, bytes)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """,
            [
                owner, .count(count), device, .int(seq), .digest(entry.hash), .int(isDue ? Self.due : 0),
                .bytes(entry.bytes),
            ])
        for chunk in Set(entry.chunks) {
            try session.run(
                "INSERT INTO entry_chunks (circle, chunk, position) VALUES ($1, $2, $3)",
                [owner, .digest(chunk), .count(count)])
            try session.run(
                "UPDATE chunks SET released = NULL WHERE circle = $1 AND id = $2", [owner, .digest(chunk)])
        }
        try session.run(
            """
            INSERT INTO heads (circle, device, seq, hash) VALUES ($1, $2, $3, $4)
            ON CONFLICT (circle, device) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
            WHERE excluded.seq > heads.seq
            """, [owner, device, .int(seq), .digest(entry.hash)])
    }

    /// Marks what no other entry needs; false, and no change, where that is more than allowed.
    private func free(_ released: [Digest256], allowance: ReleaseAllowance) throws -> Bool {
        let owner = SQLValue.int(circle.number)
        let marked = try released.filter { hash in
            try session.run(
                "UPDATE entries SET released = 1 WHERE circle = $1 AND hash = $2 AND released = 0",
                [owner, .digest(hash)]) == 1
        }
        let freed = """
            circle = $1 AND released IS NULL
            AND id IN (SELECT chunk FROM entry_chunks WHERE circle = $1)
            AND NOT EXISTS (
                SELECT 1 FROM entry_chunks AS link JOIN entries AS entry
                ON entry.circle = link.circle AND entry.position = link.position
                WHERE link.circle = chunks.circle AND link.chunk = chunks.id AND entry.released <> 1)
            """
        let amount = try sum("SELECT SUM(size) AS total FROM chunks WHERE \(freed)", [owner])
        let today = try sum(
            "SELECT SUM(bytes) AS total FROM releases WHERE circle = $1 AND time > $2", [owner, .int(now - 86_400)])
        let kept = try sum("SELECT SUM(size) AS total FROM chunks WHERE circle = $1 AND released IS NULL", [owner])
        if allowance != .all, amount > 0, today + amount > (kept + today) / 2 {
            for hash in marked {
                try session.run(
                    "UPDATE entries SET released = 0 WHERE circle = $1 AND hash = $2", [owner, .digest(hash)])
            }
            return false
        }
        guard amount > 0 else { return true }
        try session.run("UPDATE chunks SET released = $2 WHERE \(freed)", [owner, .int(now)])
        try session.run(
            "INSERT INTO releases (circle, time, bytes) VALUES ($1, $2, $3)", [owner, .int(now), .int(amount)])
        return true
    }

    private func sum(_ sql: String, _ arguments: [SQLValue]) throws -> Int64 {
        // PostgreSQL sums to a decimal number.
        try session.number("SELECT CAST(COALESCE(total, 0) AS BIGINT) FROM (\(sql)) AS sums", arguments)
    }
}
