// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// A reason not to trust what was told about a log, as the store keeps it.
package struct StoredEvidence: Sendable, Equatable {
    package let kind: String
    /// 16 bytes.
    package let device: [UInt8]
    package let seq: UInt64
    package let held: [UInt8]
    package let other: [UInt8]
    package let remote: String
    package let isSettled: Bool

    package init(
        kind: String, device: [UInt8], seq: UInt64, held: [UInt8], other: [UInt8], remote: String, isSettled: Bool
    ) {
        self.kind = kind
        self.device = device
        self.seq = seq
        self.held = held
        self.other = other
        self.remote = remote
        self.isSettled = isSettled
    }
}

/// One line of the sync log with its time, which is for display only.
package struct StoredLogLine: Sendable, Equatable {
    package let time: Date
    package let level: String
    package let remote: String
    package let text: String
}

extension Vault {
    /// How many lines of the sync log are kept.
    package static let syncLogLines = 10_000

    /// The highest head of each device that a remote has shown.
    package func marks(of remote: String) throws -> [[UInt8]: LogPosition] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM remote_marks WHERE remote = ?", arguments: [remote])
                .reduce(into: [:]) { $0[try $1.bytes("device")] = try Self.position($1) }
        }
    }

    /// Replaces them.
    package func setMarks(_ marks: [[UInt8]: LogPosition], of remote: String) throws {
        try write { database in
            try database.execute(sql: "DELETE FROM remote_marks WHERE remote = ?", arguments: [remote])
            for (device, mark) in marks {
                try database.execute(
                    sql: "INSERT INTO remote_marks (remote, device, seq, hash) VALUES (?, ?, ?, ?)",
                    arguments: [remote, Data(device), Int64(clamping: mark.seq), mark.hash.data])
            }
        }
    }

    /// Keeps a piece of evidence; one that is there already is open again.
    package func recordEvidence(_ evidence: StoredEvidence) throws {
        try write { database in
            try database.execute(
                sql: """
                    INSERT INTO evidence (kind, device, number, held, other, remote, settled, time)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT (kind, device, number, remote) DO UPDATE SET settled = excluded.settled
                    """,
                arguments: [
                    evidence.kind, Data(evidence.device), Int64(clamping: evidence.seq), Data(evidence.held),
                    Data(evidence.other), evidence.remote, evidence.isSettled, Timestamp.milliseconds(now()),
                ])
        }
    }

    /// All evidence, oldest first.
    package func evidence() throws -> [StoredEvidence] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM evidence ORDER BY seq").map { row in
                StoredEvidence(
                    kind: try row.value("kind"), device: try row.bytes("device"),
                    seq: UInt64(clamping: try row.value("number", as: Int64.self)), held: try row.bytes("held"),
                    other: try row.bytes("other"), remote: try row.value("remote"),
                    isSettled: try row.value("settled"))
            }
        }
    }

    /// Settles evidence about a device, of one kind or of all; heads that could not move meanwhile move now.
    package func settleEvidence(_ kind: String?, of device: [UInt8]) throws {
        try write { database in
            try database.execute(
                sql: "UPDATE evidence SET settled = 1 WHERE device = ? AND (kind = ? OR ? IS NULL) AND settled = 0",
                arguments: [Data(device), kind, kind])
            guard database.changesCount > 0 else { return }
            for row in try Row.fetchAll(database, sql: "SELECT DISTINCT adapter FROM events") {
                try advance(database, try row.value("adapter"))
            }
        }
    }

    /// Whether something about the circle's logs is in doubt, so that nothing moves by itself.
    static func hasOpenEvidence(_ database: Database) throws -> Bool {
        try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM evidence WHERE settled = 0)") ?? false
    }

    /// Adds a line with the time of now; the oldest go beyond 10,000.
    package func appendSyncLog(level: String, remote: String, text: String) throws {
        try write { database in
            try database.execute(
                sql: "INSERT INTO sync_log (time, level, remote, text) VALUES (?, ?, ?, ?)",
                arguments: [Timestamp.milliseconds(now()), level, remote, text])
            try database.execute(
                sql: "DELETE FROM sync_log WHERE seq <= (SELECT MAX(seq) FROM sync_log) - ?",
                arguments: [Self.syncLogLines])
        }
    }

    /// The newest lines, the latest last.
    package func syncLog(limit: Int = 100) throws -> [StoredLogLine] {
        try read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM sync_log ORDER BY seq DESC LIMIT ?", arguments: [max(limit, 0)]
            ).reversed().map { row in
                StoredLogLine(
                    time: try row.date("time"), level: try row.value("level"), remote: try row.value("remote"),
                    text: try row.value("text"))
            }
        }
    }
}
