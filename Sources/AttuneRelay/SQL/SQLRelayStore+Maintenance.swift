// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

extension SQLRelayStore: RelayMaintenance {
    package func addInvite(_ token: String) async throws {
        let now = now()
        try await database.write(nil) { session in
            _ = try session.run(
                "INSERT INTO invites (hash, created) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                [.digest(InviteToken.hash(token)), .int(now)])
        }
    }

    package func knowsInvite(_ token: String) async throws -> Bool {
        try await database.read { session in
            try session.first("SELECT 1 FROM invites WHERE hash = $1", [.digest(InviteToken.hash(token))]) != nil
        }
    }

    package func setQuota(_ bytes: UInt64?, of circle: Digest256) async throws -> Bool {
        try await database.write(circle) { session in
            try session.run(
                "UPDATE circles SET quota = $1 WHERE id = $2",
                [.optional(bytes.map { Int64(clamping: $0) }), .digest(circle)]) == 1
        }
    }

    package func status() async throws -> RelayStatus {
        try await database.read { session in
            func count(_ sql: String) throws -> UInt64 { UInt64(max(0, try session.number(sql))) }
            var status = RelayStatus()
            status.circles = try count("SELECT COUNT(*) FROM circles")
            status.entries = try count("SELECT COUNT(*) FROM entries")
            status.chunks = try count("SELECT COUNT(*) FROM chunks")
            status.bytes = try count("SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM circles")
            status.invites = try count("SELECT COUNT(*) FROM invites WHERE used IS NULL")
            return status
        }
    }

    @discardableResult
    package func collectGarbage() async throws -> GarbageReport {
        let (now, rules, chunkBytes) = (now(), rules, chunkBytes)
        var report = GarbageReport()
        try await releaseWhatIsDue()
        while true {
            let (step, gone) = try await database.write(nil) { session in
                try Self.collect(now: now, rules: rules, in: session)
            }
            try await removeBytes(gone)
            report.chunks += step.chunks
            report.bytes += step.bytes
            if step.chunks == 0 { break }
        }
        let old = Date(timeIntervalSince1970: Double(now - rules.unnamedUploads))
        try await chunkBytes.sweep(before: old, database: database)
        return report
    }

    /// Releases what was more than a day's share when it came.
    private func releaseWhatIsDue() async throws {
        let (now, rules) = (now(), rules)
        let circles = try await database.read { session in
            try session.rows(
                "SELECT id FROM circles WHERE number IN (SELECT circle FROM entries WHERE released > 1)"
            ).compactMap { $0.digest(0) }
        }
        for circle in circles {
            try await database.write(circle) { session in
                guard let row = try CircleRow.find(circle, in: session) else { return }
                try EntryLog(circle: row, session: session, now: now, rules: rules).freeWhatIsDue()
            }
        }
    }

    /// Takes some chunks away in one transaction; their bytes are still there.
    private static func collect(
        now: Int64, rules: RetentionRules, in session: any SQLSession
    ) throws -> (GarbageReport, [Digest256]) {
        let rows = try session.rows(
            """
            SELECT circle, id, size FROM chunks WHERE released < $1
            UNION ALL
            SELECT circle, id, size FROM chunks WHERE released IS NULL AND created < $2
            AND NOT EXISTS (SELECT 1 FROM entry_chunks AS link
                WHERE link.circle = chunks.circle AND link.chunk = chunks.id)
            LIMIT 256
            """, [.int(now - rules.grace), .int(now - rules.unnamedUploads)])
        var report = GarbageReport()
        var gone: [Digest256] = []
        for row in rows {
            guard let id = row.digest(1) else { continue }
            // An entry may have named it since it was read, or name it just now on another node: that change is waited
            // for here, and the next statement sees it.
            try session.run(
                "UPDATE chunks SET size = size WHERE circle = $1 AND id = $2", [.int(row.int(0)), .digest(id)])
            let removed = try session.run(
                """
                DELETE FROM chunks WHERE circle = $1 AND id = $2 AND (released < $3 OR released IS NULL
                AND NOT EXISTS (SELECT 1 FROM entry_chunks AS link
                    WHERE link.circle = chunks.circle AND link.chunk = chunks.id))
                """, [.int(row.int(0)), .digest(id), .int(now - rules.grace)])
            guard removed == 1 else { continue }
            try session.run(
                "UPDATE circles SET bytes = bytes - $1 WHERE number = $2", [.int(row.int(2)), .int(row.int(0))])
            gone.append(id)
            report.chunks += 1
            report.bytes += row.count(2)
        }
        return (report, gone)
    }
}
