// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// A reason not to trust what was told about a log, as the store keeps it.
package struct StoredEvidence: Sendable, Equatable {
    package let kind: String
    /// The device whose word it is; nil for a remote's, and for what was kept before authors were.
    package let author: DeviceID?
    /// The device whose log it is about.
    package let device: DeviceID
    package let seq: UInt64
    package let held: [UInt8]
    package let other: [UInt8]
    package let remote: String
    package let isSettled: Bool
    /// Whether no name moves by itself while it is open.
    package let stopsNames: Bool

    package init(
        kind: String, author: DeviceID?, device: DeviceID, seq: UInt64, held: [UInt8], other: [UInt8], remote: String,
        isSettled: Bool, stopsNames: Bool
    ) {
        self.kind = kind
        self.author = author
        self.stopsNames = stopsNames
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

    /// What follows on a remote's name in the names under which the marks of its chunks and their generation are kept.
    private static let chunkMarks = " chunks"
    private static let chunkGeneration = " generation"

    /// The highest head of each device that a remote has shown.
    package func marks(of remote: String) throws -> [DeviceID: LogPosition] {
        try read { try Self.marks($0, of: remote) }
    }

    /// Replaces them.
    package func setMarks(_ marks: [DeviceID: LogPosition], of remote: String) throws {
        try write { try Self.setMarks($0, marks, of: remote) }
    }

    /// Up to where a remote was offered the chunks of each log, and the generation of its chunks then, 0 for none.
    package func chunkMarks(of remote: String) throws -> (logs: [DeviceID: LogPosition], generation: UInt64) {
        try read { database in
            let generation = try Self.marks(database, of: remote + Self.chunkGeneration).values.first?.seq ?? 0
            return (try Self.marks(database, of: remote + Self.chunkMarks), generation)
        }
    }

    /// Replaces both.
    package func setChunkMarks(
        _ logs: [DeviceID: LogPosition], generation: UInt64, of remote: String
    ) throws {
        // No device's mark: only its number means anything.
        let mark = LogPosition(seq: generation, hash: EntryHash(BLAKE2b.hash([])))
        try write { database in
            try Self.setMarks(database, logs, of: remote + Self.chunkMarks)
            try Self.setMarks(database, generation > 0 ? [.zero: mark] : [:], of: remote + Self.chunkGeneration)
        }
    }

    private static func marks(_ database: Database, of remote: String) throws -> [DeviceID: LogPosition] {
        try Row.fetchAll(database, sql: "SELECT * FROM remote_marks WHERE remote = ?", arguments: [remote])
            .reduce(into: [:]) { $0[try $1.value("device", as: DeviceID.self)] = try position($1) }
    }

    private static func setMarks(_ database: Database, _ marks: [DeviceID: LogPosition], of remote: String) throws {
        try database.execute(sql: "DELETE FROM remote_marks WHERE remote = ?", arguments: [remote])
        for (device, mark) in marks {
            try database.execute(
                sql: "INSERT INTO remote_marks (remote, device, seq, hash) VALUES (?, ?, ?, ?)",
                arguments: [remote, device, Int64(clamping: mark.seq), mark.hash])
        }
    }

    /// Sets them back, of all remotes, before the entries that name a blob: its chunks may have come another way than by a
    /// remote that lacks them.
    static func offerAgain(_ database: Database, _ blob: BlobID) throws {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT n.device, MIN(n.seq) AS seq FROM claims c JOIN entries n ON n.hash = c.entry
                WHERE c.blob = ? GROUP BY n.device
                """, arguments: [blob])
        for row in rows {
            let (device, seq) = (try row.value("device", as: DeviceID.self), try row.value("seq", as: Int64.self))
            let previous = try Row.fetchOne(
                database, sql: "SELECT hash FROM entries WHERE device = ? AND seq = ?", arguments: [device, seq - 1])
            let marks = "remote LIKE '%\(Self.chunkMarks)' AND device = ?"
            if let previous {
                try database.execute(
                    sql: "UPDATE remote_marks SET seq = ?, hash = ? WHERE \(marks) AND seq >= ?",
                    arguments: [seq - 1, try previous.value("hash", as: EntryHash.self), device, seq])
            } else {
                try database.execute(sql: "DELETE FROM remote_marks WHERE \(marks)", arguments: [device])
            }
        }
    }

    /// Pieces and bytes of evidence that are kept by one author's word, so that nobody fills the store by accusing others.
    package static let evidencePieces = 64
    package static let evidenceBytes = 4 << 20

    /// Keeps a piece of evidence; one that is there already is open again.
    ///
    /// Where there is no room for another one by its author, settled ones of the same author go, the oldest first.
    ///
    /// - Returns: false if there is no room even so.
    @discardableResult
    package func recordEvidence(_ evidence: StoredEvidence) throws -> Bool {
        try write { try record($0, evidence) }
    }

    func record(_ database: Database, _ evidence: StoredEvidence) throws -> Bool {
        let author = Data(evidence.author?.bytes ?? [])
        let isKnown = try Bool.fetchOne(
            database,
            sql: """
                SELECT EXISTS (SELECT 1 FROM evidence
                WHERE kind = ? AND author = ? AND device = ? AND number = ? AND remote = ?)
                """,
            arguments: [
                evidence.kind, author, evidence.device, Int64(clamping: evidence.seq), evidence.remote,
            ])
        if isKnown != true {
            guard try makeRoom(database, for: evidence, by: author) else { return false }
        }
        try database.execute(
            sql: """
                INSERT INTO evidence (kind, author, device, number, held, other, remote, settled, stops, time)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (kind, author, device, number, remote) DO UPDATE SET settled = excluded.settled
                """,
            arguments: [
                evidence.kind, author, evidence.device, Int64(clamping: evidence.seq), Data(evidence.held),
                Data(evidence.other), evidence.remote, evidence.isSettled, evidence.stopsNames,
                Timestamp.milliseconds(now()),
            ])
        return true
    }

    /// What a device says of others takes no place from what it did itself.
    private func makeRoom(_ database: Database, for evidence: StoredEvidence, by author: Data) throws -> Bool {
        let size = evidence.held.count + evidence.other.count
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT seq, settled, length(held) + length(other) AS size FROM evidence
                WHERE author = :author AND (length(author) > 0 OR remote = :remote) AND stops = :stops ORDER BY seq
                """, arguments: ["author": author, "remote": evidence.remote, "stops": evidence.stopsNames])
        var count = rows.count
        var bytes = try rows.reduce(0) { $0 + (try $1.value("size", as: Int.self)) }
        func isRoom() -> Bool { count < Self.evidencePieces && bytes + size <= Self.evidenceBytes }
        for row in rows where !isRoom() {
            guard try row.value("settled", as: Bool.self) else { continue }
            try database.execute(
                sql: "DELETE FROM evidence WHERE seq = ?", arguments: [try row.value("seq", as: Int64.self)])
            count -= 1
            bytes -= try row.value("size", as: Int.self)
        }
        return isRoom()
    }

    /// All evidence, oldest first.
    package func evidence() throws -> [StoredEvidence] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM evidence ORDER BY seq").map { try Self.evidence($0) }
        }
    }

    private static func evidence(_ row: Row) throws -> StoredEvidence {
        // Without an author there are no bytes, as the key of the table takes no NULL.
        let author = try row.bytes("author").isEmpty ? nil : row.value("author", as: DeviceID.self)
        return StoredEvidence(
            kind: try row.value("kind"), author: author, device: try row.value("device"),
            seq: UInt64(clamping: try row.value("number", as: Int64.self)), held: try row.bytes("held"),
            other: try row.bytes("other"), remote: try row.value("remote"), isSettled: try row.value("settled"),
            stopsNames: try row.value("stops"))
    }

    /// Settles open evidence that `isMeant` says; names that could not move meanwhile move now.
    package func settleEvidence(_ isMeant: (StoredEvidence) -> Bool) throws {
        try write { database in
            let rows = try Row.fetchAll(database, sql: "SELECT * FROM evidence WHERE settled = 0")
            var isMoving = false
            for row in rows {
                let piece = try Self.evidence(row)
                guard isMeant(piece) else { continue }
                isMoving = isMoving || piece.stopsNames
                try database.execute(
                    sql: "UPDATE evidence SET settled = 1 WHERE seq = ?",
                    arguments: [try row.value("seq", as: Int64.self)])
            }
            if isMoving { try moveNames(database) }
        }
    }

    /// Moves every name that was held up by evidence and is not any more.
    func moveNames(_ database: Database) throws {
        for row in try Row.fetchAll(database, sql: "SELECT DISTINCT adapter FROM events") {
            try advance(database, try row.value("adapter"))
        }
    }

    /// Whether something about the circle's logs is in doubt, so that nothing moves by itself.
    static func hasOpenEvidence(_ database: Database) throws -> Bool {
        try Bool.fetchOne(database, cached: "SELECT EXISTS (SELECT 1 FROM evidence WHERE settled = 0 AND stops = 1)")
            ?? false
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
