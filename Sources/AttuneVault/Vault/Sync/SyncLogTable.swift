// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// Holds one line of the sync log with its time, which is for display only.
package struct StoredLogLine: Sendable, Equatable {
    package let time: Date
    package let level: String
    package let remote: String
    package let text: String
}

/// Keeps what syncing has to tell a person.
package struct SyncLogTable: Sendable {
    let vault: Vault

    /// Limits how many lines are kept.
    package static let lines = 10_000

    /// Adds a line with the time of now; the oldest go beyond 10,000.
    package func append(level: String, remote: String, text: String) throws {
        try vault.write { database in
            try database.execute(
                sql: "INSERT INTO sync_log (time, level, remote, text) VALUES (?, ?, ?, ?)",
                arguments: [Timestamp.milliseconds(vault.now()), level, remote, text])
            try database.execute(
                sql: "DELETE FROM sync_log WHERE seq <= (SELECT MAX(seq) FROM sync_log) - ?",
                arguments: [Self.lines])
        }
    }

    /// Reads the newest lines, the latest last.
    package func newest(limit: Int = 100) throws -> [StoredLogLine] {
        try vault.read { database in
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
