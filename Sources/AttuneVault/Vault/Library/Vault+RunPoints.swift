// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension Vault {
    /// Appends to the curve of a run; a step that is done again after resuming replaces what it measured before.
    ///
    /// - Throws: `VaultError` E-VAULT-030.
    package func appendPoints(_ points: [RunPoint], toRun id: RunID) throws {
        try write { database in
            _ = try Self.run(database, id)
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

    /// The curve of a run by step; where a step has both kinds, training comes first.
    ///
    /// - Parameters:
    ///   - kind: nil for both.
    ///   - after: only steps beyond this one, for following a run.
    /// - Throws: `VaultError` E-VAULT-030.
    package func points(ofRun id: RunID, kind: RunPoint.Kind? = nil, after: Int = -1) throws -> [RunPoint] {
        try read { database in
            _ = try Self.run(database, id)
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
    package func saveCheckpoint(_ content: BlobContent, step: Int, ofRun id: RunID) throws {
        try requireWriting()
        _ = try run(id)
        let blob = try chunks.store(content)
        let unused = try keeping(blob) { database in
            let previous = try Row.fetchOne(
                database, sql: "SELECT checkpoint FROM runs WHERE id = ? AND checkpoint IS NOT NULL", arguments: [id]
            )?.value("checkpoint", as: BlobID.self)
            try blob.insert(database)
            try database.execute(
                sql: "UPDATE runs SET checkpoint = ?, checkpoint_step = ?, step = ?, updated = ? WHERE id = ?",
                arguments: [blob.id, max(step, 0), max(step, 0), Timestamp.milliseconds(now()), id])
            guard database.changesCount == 1 else { throw VaultError.noRun(id) }
            return try previous.map { try StoredBlob.release(database, id: $0) } ?? []
        }
        chunks.remove(unused)
    }

    /// The state from which a run can be resumed; nil if none was saved.
    ///
    /// - Throws: `VaultError` E-VAULT-030, E-VAULT-005 (damaged).
    package func loadCheckpoint(ofRun id: RunID) throws -> (step: Int, bytes: [UInt8])? {
        let stored: (Int, StoredBlob)? = try read { database in
            guard let step = try Self.run(database, id).checkpointStep,
                let row = try Row.fetchOne(
                    database, sql: "SELECT checkpoint FROM runs WHERE id = ? AND checkpoint IS NOT NULL",
                    arguments: [id])
            else { return nil }
            return (step, try StoredBlob.fetch(database, id: try row.value("checkpoint")))
        }
        guard let (step, blob) = stored else { return nil }
        return (step, try chunks.load(blob))
    }

    /// Forgets the checkpoint of a run that will not be resumed.
    ///
    /// - Throws: `VaultError` E-VAULT-030.
    package func dropCheckpoint(ofRun id: RunID) throws {
        let unused: [ChunkID] = try write { database in
            _ = try Self.run(database, id)
            let row = try Row.fetchOne(
                database, sql: "SELECT checkpoint FROM runs WHERE id = ? AND checkpoint IS NOT NULL", arguments: [id])
            guard let blob = try row?.value("checkpoint", as: BlobID.self) else { return [] }
            try database.execute(
                sql: "UPDATE runs SET checkpoint = NULL, checkpoint_step = NULL WHERE id = ?", arguments: [id])
            return try StoredBlob.release(database, id: blob)
        }
        chunks.remove(unused)
    }
}
