// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Holds a reason not to trust what was told about a log, as the store keeps it.
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

/// Keeps reasons not to trust what was told about the circle's logs.
package struct EvidenceTable: Sendable {
    let vault: Vault

    /// Limits the pieces that are kept by one author's word, so that nobody fills the store by accusing others.
    package static let pieces = 64
    /// Limits the bytes of those pieces.
    package static let bytes = 4 << 20

    /// Keeps a piece of evidence; one that is there already is open again.
    ///
    /// Where there is no room for another one by its author, settled ones of the same author go, the oldest first.
    ///
    /// - Returns: false if there is no room even so.
    @discardableResult
    package func record(_ evidence: StoredEvidence) throws -> Bool {
        try vault.write { try record($0, evidence) }
    }

    /// Keeps a piece of evidence as part of a transaction.
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
                Timestamp.milliseconds(vault.now()),
            ])
        return true
    }

    /// Makes room; what a device says of others takes no place from what it did itself.
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
        func isRoom() -> Bool { count < Self.pieces && bytes + size <= Self.bytes }
        for row in rows where !isRoom() {
            guard try row.value("settled", as: Bool.self) else { continue }
            try database.execute(
                sql: "DELETE FROM evidence WHERE seq = ?", arguments: [try row.value("seq", as: Int64.self)])
            count -= 1
            bytes -= try row.value("size", as: Int.self)
        }
        return isRoom()
    }

    /// Lists all evidence, oldest first.
    package func all() throws -> [StoredEvidence] {
        try vault.read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM evidence ORDER BY seq").map(Self.evidence)
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

    /// Settles the open evidence that `isMeant` picks; names that could not move meanwhile move now.
    package func settle(_ isMeant: (StoredEvidence) -> Bool) throws {
        try vault.write { database in
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
            if isMoving { try AdapterTable.moveNames(database) }
        }
    }

    /// True if something about the circle's logs is in doubt, so that nothing moves by itself.
    static func isOpen(_ database: Database) throws -> Bool {
        try Bool.fetchOne(database, cached: "SELECT EXISTS (SELECT 1 FROM evidence WHERE settled = 0 AND stops = 1)")
            ?? false
    }
}
