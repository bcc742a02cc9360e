// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension Vault {
    /// Takes out of a store that was put together from pieces what does not hold together, and names it.
    ///
    /// - Parameter damage: what is wrong with chunks that could not be copied.
    func settleSalvaged(
        _ report: inout SalvageReport, _ damage: [ChunkID: String], _ progress: (BackupProgress) -> Void
    ) throws {
        let versions = try read { try Self.versions($0, "b.state IN (\(BlobState.here), \(BlobState.arrived))", []) }
        for (position, version) in versions.enumerated() {
            progress(BackupProgress(what: "checking versions", done: position + 1, total: versions.count))
            guard
                let loss = try loss(
                    of: version.blob, damage,
                    and: { bytes in
                        try Self.versionID(manifest: version.manifest, content: BlobContent(bytes)) == version.id
                    })
            else {
                report.versions += 1
                continue
            }
            let subject = "\(version.reference)"
            if report.circle == .kept, loss.lacksChunks, try awaitBytes(of: version) {
                report.awaited.append(subject)
                continue
            }
            if loss.isLie { try judge(version, isSound: false) } else { try drop(version) }
            report.lost.append(.init(subject: subject, reason: loss.reason))
        }
        try settleCheckpoints(&report, damage)
        try settleReceived(&report, damage)
        try write { database in
            try self.mendNames(database)
            try self.mendTrash(database)
        }
    }

    /// What is wrong with a blob.
    private struct Loss {
        let reason: String
        let state: BlobState
        /// Whether one of its chunks is not there or not right.
        let lacksChunks: Bool

        /// Whether its author announced these very chunks, and still not the bytes that they should be: the same would
        /// come again.
        var isLie: Bool { state == .arrived && !lacksChunks }
    }

    /// What is wrong with a blob; nil if it is whole.
    private func loss(
        of blob: BlobID, _ damage: [ChunkID: String], and isRight: ([UInt8]) throws -> Bool = { _ in true }
    ) throws -> Loss? {
        var state = BlobState.here
        do {
            let stored = try read { try StoredBlob.fetch($0, id: blob) }
            state = stored.state
            // What is right was copied and compared with its id then.
            if let reason = stored.chunks.lazy.compactMap({ damage[$0] }).first {
                return Loss(reason: reason, state: state, lacksChunks: true)
            }
            if try isRight(try chunks.load(stored)) { return nil }
            return Loss(reason: "the content is not what its id says", state: state, lacksChunks: false)
        } catch let error as VaultError where error.isOfData {
            return Loss(reason: error.defect, state: state, lacksChunks: false)
        }
    }

    /// Lets the next sync fetch the chunks of a version that are not right, if it was published; whether that helps.
    private func awaitBytes(of version: VersionRecord) throws -> Bool {
        try write { database in
            let isPublished = try Bool.fetchOne(
                database,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM events
                        WHERE adapter = ? AND version = ? AND kind = 'version' AND entry IS NOT NULL)
                    """, arguments: [version.adapterID, version.id])
            guard isPublished == true else { return false }
            try database.execute(
                sql: "UPDATE blobs SET state = ?, wanted = 1 WHERE id = ?", arguments: [BlobState.remote, version.blob])
            return true
        }
    }

    private func drop(_ version: VersionRecord) throws {
        let unused: [ChunkID] = try write { database in
            try forgetDraft(database, of: version)
            try database.execute(sql: "UPDATE adapters SET head = NULL WHERE head = ?", arguments: [version.row])
            try database.execute(
                sql: "DELETE FROM trash WHERE kind = 'version' AND subject = ?", arguments: ["\(version.row)"])
            try database.execute(sql: "DELETE FROM versions WHERE seq = ?", arguments: [version.row])
            // What would point at it can no longer be undone.
            try database.execute(
                sql: "UPDATE operations SET reversal = NULL WHERE subject = ?",
                arguments: [version.adapterID.description])
            return try StoredBlob.release(database, id: version.blob)
        }
        chunks.remove(unused)
    }

    private func settleCheckpoints(_ report: inout SalvageReport, _ damage: [ChunkID: String]) throws {
        let runs = try read { database in
            try Row.fetchAll(database, sql: "SELECT id, checkpoint FROM runs WHERE checkpoint IS NOT NULL").map {
                (id: try $0.value("id", as: RunID.self), blob: try $0.value("checkpoint", as: BlobID.self))
            }
        }
        for run in runs {
            guard let loss = try loss(of: run.blob, damage) else { continue }
            report.lost.append(.init(subject: "checkpoint of run \(run.id)", reason: loss.reason))
            let unused: [ChunkID] = try write { database in
                try database.execute(
                    sql: """
                        UPDATE runs SET checkpoint = NULL, checkpoint_step = NULL,
                            state = CASE WHEN state IN ('running', 'interrupted') THEN 'failed' ELSE state END
                        WHERE id = ?
                        """, arguments: [run.id])
                return try StoredBlob.release(database, id: run.blob)
            }
            chunks.remove(unused)
        }
    }

    private func settleReceived(_ report: inout SalvageReport, _ damage: [ChunkID: String]) throws {
        let received = try read { database in
            try Row.fetchAll(database, sql: "SELECT seq, name, blob FROM received").map {
                (
                    seq: try $0.value("seq", as: Int64.self), name: try $0.value("name", as: String.self),
                    blob: try $0.value("blob", as: BlobID.self)
                )
            }
        }
        for item in received {
            guard let loss = try loss(of: item.blob, damage) else { continue }
            report.lost.append(.init(subject: "received \(item.name)", reason: loss.reason))
            let unused: [ChunkID] = try write { database in
                try database.execute(sql: "DELETE FROM received WHERE seq = ?", arguments: [item.seq])
                return try StoredBlob.release(database, id: item.blob)
            }
            chunks.remove(unused)
        }
    }

    /// Names point at the newest version that is left; a name without any goes.
    private func mendNames(_ database: Database) throws {
        try database.execute(
            sql: """
                UPDATE adapters SET head = (
                    SELECT MAX(v.seq) FROM versions v WHERE v.adapter = adapters.id AND v.trashed = 0)
                WHERE head IS NULL
                """)
        let empty = "NOT EXISTS (SELECT 1 FROM versions WHERE adapter = adapters.id)"
        try database.execute(
            sql: """
                DELETE FROM trash WHERE kind = 'adapter'
                    AND subject IN (SELECT lower(hex(id)) FROM adapters WHERE \(empty))
                """)
        try database.execute(sql: "DELETE FROM adapters WHERE \(empty)")
    }

    /// The trash lists what is marked as removed, and nothing else.
    private func mendTrash(_ database: Database) throws {
        let time = Timestamp.milliseconds(now())
        let kinds = [
            ("adapter", "adapters", "lower(hex(id))", "name"), ("run", "runs", "id", "id"),
            ("chat", "chats", "CAST(seq AS TEXT)", "title"),
            (
                "version", "versions", "CAST(seq AS TEXT)",
                "(SELECT name FROM adapters WHERE id = versions.adapter) || '@' || number"
            ),
        ]
        for (kind, table, subject, name) in kinds {
            try database.execute(
                sql: """
                    INSERT OR IGNORE INTO trash (kind, subject, name, trashed)
                    SELECT '\(kind)', \(subject), \(name), \(time) FROM \(table) WHERE trashed = 1
                    """)
            try database.execute(
                sql: """
                    DELETE FROM trash WHERE kind = '\(kind)'
                        AND subject NOT IN (SELECT \(subject) FROM \(table) WHERE trashed = 1)
                    """)
        }
    }
}
