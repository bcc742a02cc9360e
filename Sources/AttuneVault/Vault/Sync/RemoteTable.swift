// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// Keeps what each remote has shown and was offered.
package struct RemoteTable: Sendable {
    let vault: Vault

    /// What follows on a remote's name in the names under which the marks of its chunks and their generation are kept.
    private static let chunkMarks = " chunks"
    private static let chunkGeneration = " generation"

    /// Reads the highest head of each device that a remote has shown.
    package func marks(of remote: String) throws -> [DeviceID: LogPosition] {
        try vault.read { try Self.marks($0, of: remote) }
    }

    /// Replaces them.
    package func setMarks(_ marks: [DeviceID: LogPosition], of remote: String) throws {
        try vault.write { try Self.setMarks($0, marks, of: remote) }
    }

    /// Tells up to where a remote was offered the chunks of each log, and the generation of its chunks then, 0 for none.
    package func chunkMarks(of remote: String) throws -> (logs: [DeviceID: LogPosition], generation: UInt64) {
        try vault.read { database in
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
        try vault.write { database in
            try Self.setMarks(database, logs, of: remote + Self.chunkMarks)
            try Self.setMarks(database, generation > 0 ? [.zero: mark] : [:], of: remote + Self.chunkGeneration)
        }
    }

    private static func marks(_ database: Database, of remote: String) throws -> [DeviceID: LogPosition] {
        try Row.fetchAll(database, sql: "SELECT * FROM remote_marks WHERE remote = ?", arguments: [remote])
            .reduce(into: [:]) { $0[try $1.value("device", as: DeviceID.self)] = try $1.position() }
    }

    private static func setMarks(_ database: Database, _ marks: [DeviceID: LogPosition], of remote: String) throws {
        try database.execute(sql: "DELETE FROM remote_marks WHERE remote = ?", arguments: [remote])
        for (device, mark) in marks {
            try database.execute(
                sql: "INSERT INTO remote_marks (remote, device, seq, hash) VALUES (?, ?, ?, ?)",
                arguments: [remote, device, Int64(clamping: mark.seq), mark.hash])
        }
    }

    /// Sets the marks of chunks back, of all remotes, before the entries that name a blob: its chunks may have come
    /// another way than by a remote that lacks them.
    static func offerAgain(_ database: Database, _ blob: BlobID) throws {
        for (device, seq) in try EntryTable.firsts(database, naming: blob) {
            let previous = try EntryTable.hash(database, of: device, seq: seq - 1)
            let marks = "remote LIKE '%\(Self.chunkMarks)' AND device = ?"
            if let previous {
                try database.execute(
                    sql: "UPDATE remote_marks SET seq = ?, hash = ? WHERE \(marks) AND seq >= ?",
                    arguments: [seq - 1, previous, device, seq])
            } else {
                try database.execute(sql: "DELETE FROM remote_marks WHERE \(marks)", arguments: [device])
            }
        }
    }
}
