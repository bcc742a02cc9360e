// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension SQLiteRelayStore: RelayMaintenance {
    package func addInvite(_ token: String) async throws {
        let now = now()
        try await commits.commit { database in
            try database.execute(
                sql: "INSERT OR IGNORE INTO invites (hash, created) VALUES (?, ?)",
                arguments: [Data(InviteToken.hash(token).bytes), now])
        }
    }

    package func setQuota(_ bytes: UInt64?, of circle: Digest256) async throws -> Bool {
        try await commits.commit { database in
            try database.execute(
                sql: "UPDATE circles SET quota = ? WHERE id = ?",
                arguments: [bytes.map { Int64(clamping: $0) }, Data(circle.bytes)])
            return database.changesCount == 1
        }
    }

    package func status() async throws -> RelayStatus {
        try await pool.read { database in
            func count(_ sql: String) throws -> UInt64 { UInt64(try Int64.fetchOne(database, sql: sql) ?? 0) }
            var status = RelayStatus()
            status.circles = try count("SELECT COUNT(*) FROM circles")
            status.entries = try count("SELECT SUM(entries) FROM circles")
            status.chunks = try count("SELECT COUNT(*) FROM chunks")
            status.bytes = try count("SELECT SUM(bytes) FROM circles")
            status.invites = try count("SELECT COUNT(*) FROM invites WHERE used IS NULL")
            return status
        }
    }

    @discardableResult
    package func collectGarbage() async throws -> GarbageReport {
        let (now, rules, files) = (now(), rules, files)
        var report = GarbageReport()
        while true {
            let step = try await commits.commit { database in
                try Self.collect(now: now, rules: rules, files: files, in: database)
            }
            report.chunks += step.chunks
            report.bytes += step.bytes
            if step.chunks == 0 { break }
        }
        try await collectOrphans(before: Date(timeIntervalSince1970: Double(now - rules.unnamedUploads)))
        return report
    }

    /// Removes some chunks in one transaction, their files before it commits: see `deleteCircle`.
    private static func collect(
        now: Int64, rules: RetentionRules, files: ChunkFiles, in database: Database
    ) throws -> GarbageReport {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT circle, id, size FROM chunks WHERE released < ?
                UNION ALL
                SELECT circle, id, size FROM chunks WHERE released IS NULL AND created < ?
                AND NOT EXISTS (SELECT 1 FROM entry_chunks AS link
                    WHERE link.circle = chunks.circle AND link.chunk = chunks.id)
                LIMIT 256
                """, arguments: [now - rules.grace, now - rules.unnamedUploads])
        var report = GarbageReport()
        for row in rows {
            let (circle, id, size): (Int64, Data, Int64) = (row["circle"], row["id"], row["size"])
            try database.execute(sql: "DELETE FROM chunks WHERE circle = ? AND id = ?", arguments: [circle, id])
            try database.execute(
                sql: "UPDATE circles SET bytes = bytes - ? WHERE number = ?", arguments: [size, circle])
            let isShared =
                try Bool.fetchOne(database, sql: "SELECT 1 FROM chunks WHERE id = ?", arguments: [id]) ?? false
            if !isShared, let name = Digest256(id) { files.remove(name) }
            report.chunks += 1
            report.bytes += UInt64(size)
        }
        return report
    }

    /// Removes files that a crash left without a row.
    private func collectOrphans(before date: Date) async throws {
        let files = files
        let old = try await onFiles { files.names(before: date) }
        for start in stride(from: 0, to: old.count, by: 256) {
            let names = old[start..<min(start + 256, old.count)]
            try await commits.commit { database in
                let statement = try database.cachedStatement(sql: "SELECT 1 FROM chunks WHERE id = ?")
                for id in names
                where try Bool.fetchOne(statement, arguments: [Data(id.bytes)]) == nil {
                    files.remove(id)
                }
            }
        }
    }
}
