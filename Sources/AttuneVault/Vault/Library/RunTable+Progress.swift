// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Keeps what a run measured, and the state from which it goes on.
extension RunTable {
    /// Appends to the curve of a run; a step that is done again after resuming replaces what it measured before.
    ///
    /// - Throws: `VaultError` E-VAULT-030.
    package func append(_ points: [RunPoint], to id: RunID) throws {
        try vault.write { database in
            _ = try Self.fetch(database, id)
            for point in points {
                try database.execute(
                    sql: """
                        INSERT OR REPLACE INTO run_points
                            (run, kind, step, loss, rate, gradient_norm, tokens, tokens_per_second)
                        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        id, point.kind, max(point.step, 0), point.loss, point.rate, point.gradientNorm,
                        point.tokens, point.tokensPerSecond,
                    ])
            }
        }
    }

    /// Takes away what was measured beyond a step from which a run goes on; it is measured again.
    ///
    /// - Throws: `VaultError` E-VAULT-030.
    package func forgetPoints(after step: Int, of id: RunID) throws {
        try vault.write { database in
            _ = try Self.fetch(database, id)
            try database.execute(sql: "DELETE FROM run_points WHERE run = ? AND step > ?", arguments: [id, step])
        }
    }

    /// Reads the curve of a run by step; if a step has both kinds, training comes first.
    ///
    /// - Parameters:
    ///   - kind: nil for both.
    ///   - after: only steps beyond this one, for following a run.
    /// - Throws: `VaultError` E-VAULT-030.
    package func points(of id: RunID, kind: RunPoint.Kind? = nil, after: Int = -1) throws -> [RunPoint] {
        try vault.read { database in
            _ = try Self.fetch(database, id)
            return try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM run_points WHERE run = :run AND step > :after AND (:kind IS NULL OR kind = :kind)
                    ORDER BY step, kind
                    """, arguments: ["run": id, "after": after, "kind": kind]
            ).map { row in
                RunPoint(
                    kind: try row.value("kind"), step: try row.value("step"), loss: try row.optional("loss"),
                    rate: try row.optional("rate"), gradientNorm: try row.optional("gradient_norm"),
                    tokens: try row.value("tokens"), tokensPerSecond: try row.optional("tokens_per_second"))
            }
        }
    }

    /// Keeps the state from which a run can be resumed; the one before goes once this one is durable.
    ///
    /// - Parameter step: steps done at that state.
    /// - Throws: `VaultError` E-VAULT-030, E-VAULT-006 (disk full; the one before stays).
    package func saveCheckpoint(_ content: BlobContent, step: Int, of id: RunID) throws {
        try vault.requireWriting()
        _ = try fetch(id)
        let blob = try vault.chunks.store(content)
        let unused = try vault.keeping(blob) { database in
            let previous = try Self.checkpoint(database, id)
            try blob.insert(database)
            try database.execute(
                sql: "UPDATE runs SET checkpoint = ?, checkpoint_step = ?, step = ?, updated = ? WHERE id = ?",
                arguments: [blob.id, max(step, 0), max(step, 0), Timestamp.milliseconds(vault.now()), id])
            guard database.changesCount == 1 else { throw VaultError.noRun(id) }
            return try previous.map { try StoredBlob.release(database, id: $0) } ?? []
        }
        vault.chunks.remove(unused)
    }

    /// Reads the state from which a run can be resumed; nil if none was saved.
    ///
    /// - Throws: `VaultError` E-VAULT-030, E-VAULT-005 (damaged).
    package func loadCheckpoint(of id: RunID) throws -> (step: Int, bytes: [UInt8])? {
        let stored: (Int, StoredBlob)? = try vault.read { database in
            guard let step = try Self.fetch(database, id).checkpointStep,
                let blob = try Self.checkpoint(database, id)
            else { return nil }
            return (step, try StoredBlob.fetch(database, id: blob))
        }
        guard let (step, blob) = stored else { return nil }
        return (step, try vault.chunks.load(blob))
    }

    /// Forgets the checkpoint of a run that will not be resumed.
    ///
    /// - Throws: `VaultError` E-VAULT-030.
    package func dropCheckpoint(of id: RunID) throws {
        let unused: [ChunkID] = try vault.write { database in
            _ = try Self.fetch(database, id)
            guard let blob = try Self.checkpoint(database, id) else { return [] }
            try database.execute(
                sql: "UPDATE runs SET checkpoint = NULL, checkpoint_step = NULL WHERE id = ?", arguments: [id])
            return try StoredBlob.release(database, id: blob)
        }
        vault.chunks.remove(unused)
    }

    static func checkpoint(_ database: Database, _ id: RunID) throws -> BlobID? {
        try Row.fetchOne(
            database, sql: "SELECT checkpoint FROM runs WHERE id = ? AND checkpoint IS NOT NULL", arguments: [id])?
            .value("checkpoint")
    }

    /// Lists the checkpoints of all runs, the trash included.
    static func checkpoints(_ database: Database) throws -> [(run: RunID, blob: BlobID)] {
        try Row.fetchAll(database, sql: "SELECT id, checkpoint FROM runs WHERE checkpoint IS NOT NULL").map {
            (try $0.value("id"), try $0.value("checkpoint"))
        }
    }

    /// Forgets a checkpoint whose bytes are lost: a run that would go on from there cannot.
    static func loseCheckpoint(_ database: Database, _ id: RunID) throws {
        try database.execute(
            sql: """
                UPDATE runs SET checkpoint = NULL, checkpoint_step = NULL,
                    state = CASE WHEN state IN ('running', 'interrupted') THEN 'failed' ELSE state END
                WHERE id = ?
                """, arguments: [id])
    }
}
