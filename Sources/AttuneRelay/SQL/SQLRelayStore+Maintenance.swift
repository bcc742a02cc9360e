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
                [.id(InviteToken.hash(token)), .int(now)])
        }
    }

    package func knowsInvite(_ token: String) async throws -> Bool {
        try await database.read(nil) { session in
            try session.first("SELECT 1 FROM invites WHERE hash = $1", [.id(InviteToken.hash(token))]) != nil
        }
    }

    package func setQuota(_ bytes: UInt64?, of circle: CircleID) async throws -> Bool {
        try await database.write(circle) { session in
            try session.run(
                "UPDATE circles SET quota = $1 WHERE id = $2",
                [.optional(bytes.map { Int64(clamping: $0) }), .id(circle)]) == 1
        }
    }

    package func status() async throws -> RelayStatus {
        try await database.read(nil) { session in
            func count(_ sql: String) throws -> UInt64 { UInt64(max(0, try session.number(sql))) }
            var status = RelayStatus()
            status.circles = try count("SELECT COUNT(*) FROM circles")
            status.entries = try count("SELECT COUNT(*) FROM entries")
            status.chunks = try count("SELECT COUNT(*) FROM chunks WHERE size > 0")
            status.bytes = try count("SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM circles")
            status.invites = try count("SELECT COUNT(*) FROM invites WHERE used IS NULL")
            return status
        }
    }

    @discardableResult
    package func collectGarbage() async throws -> GarbageReport {
        var report = GarbageReport()
        try await workOff()
        let now = now()
        let circles = try await database.read(nil) { session in
            try session.rows(
                "SELECT id FROM circles WHERE number IN (SELECT circle FROM chunks WHERE ends <= $1)", [.int(now)]
            ).compactMap { $0.id(0, as: CircleID.self) }
        }
        for circle in circles { try await collect(circle, &report) }
        report.circles = try await removeDeleted()
        let old = Date(timeIntervalSince1970: Double(now - rules.unclaimedBytes))
        try await chunkBytes.sweep(before: old, database: database)
        return report
    }

    package func workOff() async throws {
        let circles = try await database.read(nil) { session in
            try session.rows("SELECT id FROM circles WHERE number IN (SELECT circle FROM due)").compactMap {
                $0.id(0, as: CircleID.self)
            }
        }
        for circle in circles { try await workOff(circle, pieces: Self.piecesPerRun) }
    }

    /// Pieces of a circle in one run: what is more goes on in the next one.
    private static let piecesPerRun = 1024

    /// Does what is due in one circle, at most so many pieces, and gives the room of what went by it back.
    func workOff(_ circle: CircleID, pieces: Int) async throws {
        let (now, rules) = (now(), rules)
        for _ in 0..<pieces {
            let goesOn = try await database.write(circle) { session in
                guard let row = try CircleRow.find(circle, in: session) else { return false }
                return try DueWork(circle: row, session: session, now: now, rules: rules).piece()
            }
            if !goesOn { return }
        }
    }

    /// Removes the chunks of one circle whose time is over, some at a time.
    private func collect(_ circle: CircleID, _ report: inout GarbageReport) async throws {
        let (now, rules) = (now(), rules)
        while true {
            let gone = try await database.write(circle) { session -> [(id: ChunkID, size: UInt64)] in
                guard let row = try CircleRow.find(circle, in: session) else { return [] }
                return try Self.collect(row, now: now, rules: rules, in: session)
            }
            try await removeBytes(gone.map(\.id))
            report.chunks += UInt64(gone.count)
            report.bytes += gone.reduce(0) { $0 + $1.size }
            if gone.isEmpty { return }
        }
    }

    /// Takes some chunks away in one transaction that holds the circle; their bytes are still there.
    private static func collect(
        _ circle: CircleRow, now: Int64, rules: RetentionRules, in session: any SQLSession
    ) throws -> [(id: ChunkID, size: UInt64)] {
        let owner = SQLValue.int(circle.number)
        // An entry that was not counted yet may name them.
        let isUncounted = try session.exists(
            "SELECT 1 FROM due WHERE circle = $1 AND kind = $2", [owner, .int(DueWork.Kind.name.rawValue)])
        guard !isUncounted else { return [] }
        var ledger = CircleLedger(circle, session: session, rules: rules)
        let rows = try session.rows(
            "SELECT id, size FROM chunks WHERE circle = $1 AND ends <= $2 LIMIT 256", [owner, .int(now)])
        for row in rows {
            try session.run("DELETE FROM chunks WHERE circle = $1 AND id = $2", [owner, row.values[0]])
            ledger.add(bytes: -(row.int(1) + RowCost.chunk))
        }
        try ledger.write()
        return rows.compactMap { row in row.id(0, as: ChunkID.self).map { ($0, row.count(1)) } }
    }
}
