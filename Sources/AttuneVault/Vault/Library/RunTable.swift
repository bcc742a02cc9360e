// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Keeps training runs: what they were trained on, what they measured, and from where they go on.
package struct RunTable: Sendable {
    let vault: Vault

    /// Starts the record of a run in state `running`, under an id of four or more random hexadecimal digits.
    ///
    /// - Parameters:
    ///   - configuration: JSON.
    ///   - base: BLAKE2b-256 of the base model's file.
    ///   - data: digest of the training data.
    ///   - steps: steps planned.
    ///   - documents: what it is trained on, in order; all of them in the store.
    @discardableResult
    package func create(
        adapter: String, configuration: String, base: BaseID, data: Digest256, steps: Int,
        documents: [DocumentID] = []
    ) throws -> RunRecord {
        let adapter = try AdapterName.checked(adapter)
        let time = Timestamp.milliseconds(vault.now())
        return try vault.write { database in
            let id = try Self.freeID(database)
            try database.execute(
                sql: """
                    INSERT INTO runs (id, adapter, state, configuration, base, data, steps, started, updated)
                    VALUES (?, ?, 'running', ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [id, adapter, configuration, base, data, max(steps, 0), time, time])
            for (position, document) in documents.enumerated() {
                _ = try DocumentTable.fetch(database, document)
                try database.execute(
                    sql: "INSERT INTO run_documents (run, position, document) VALUES (?, ?, ?)",
                    arguments: [id, position, document])
            }
            return try Self.fetch(database, id)
        }
    }

    /// Finds the run with this id, the trash left out.
    ///
    /// - Throws: `VaultError` E-VAULT-030 (exit 5).
    package func fetch(_ id: RunID) throws -> RunRecord { try vault.read { try Self.fetch($0, id) } }

    /// Lists all runs in the order they were started, the trash left out.
    package func all() throws -> [RunRecord] {
        try vault.read {
            try Row.fetchAll($0, sql: "SELECT * FROM runs WHERE trashed = 0 ORDER BY seq").map(Self.record)
        }
    }

    /// Lists what a run was trained on, in order.
    package func documents(of id: RunID) throws -> [DocumentRecord] {
        try vault.read { database in
            _ = try Self.fetch(database, id)
            return try Row.fetchAll(
                database,
                sql: """
                    SELECT d.digest, d.name, d.bytes, d.added FROM run_documents r
                    JOIN documents d ON d.digest = r.document WHERE r.run = ? ORDER BY r.position
                    """, arguments: [id]
            ).map(DocumentTable.record)
        }
    }

    /// Changes what is given of a run's record and leaves the rest.
    ///
    /// - Throws: `VaultError` E-VAULT-030.
    @discardableResult
    package func update(
        _ id: RunID, state: RunRecord.State? = nil, step: Int? = nil, steps: Int? = nil, detail: String? = nil,
        version: VersionID? = nil
    ) throws -> RunRecord {
        try vault.write { database in
            _ = try Self.fetch(database, id)
            try database.execute(
                sql: """
                    UPDATE runs SET state = COALESCE(?, state), step = COALESCE(?, step), steps = COALESCE(?, steps),
                        detail = COALESCE(?, detail), version = COALESCE(?, version), updated = ?
                    WHERE id = ?
                    """,
                arguments: [
                    state, step.map { max($0, 0) }, steps.map { max($0, 0) }, detail, version,
                    Timestamp.milliseconds(vault.now()), id,
                ])
            return try Self.fetch(database, id)
        }
    }

    /// Marks as interrupted every run whose process died; only for a process that is not training itself.
    ///
    /// A run is trained under the lock of writers from start to end, so whoever holds it may say so.
    ///
    /// - Returns: the ids of those runs.
    @discardableResult
    package func interruptAbandoned() throws -> [RunID] {
        try vault.write { database in
            let ids = try RunID.fetchAll(database, sql: "SELECT id FROM runs WHERE state = 'running' ORDER BY seq")
            try database.execute(sql: "UPDATE runs SET state = 'interrupted' WHERE state = 'running'")
            return ids
        }
    }

    /// Moves a run with its curve and its checkpoint to the trash.
    ///
    /// - Throws: `VaultError` E-VAULT-030, E-VAULT-036 (it is running).
    package func trash(_ id: RunID) throws {
        try vault.write { database in
            let run = try Self.fetch(database, id)
            guard run.state != .running else { throw VaultError.activeRun }
            try vault.trash.discard(
                database, .run, "\(id)", name: "\(id)", description: "remove run \(id)", logged: "run \(id)")
        }
    }

    private static func freeID(_ database: Database) throws -> RunID {
        for attempt in 0..<64 {
            // Four digits read well; more only once those are getting scarce.
            let id = RunID(String(Hex.encode(ChunkStore.randomID()).prefix(4 + attempt / 8)))
            let taken =
                try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM runs WHERE id = ?)", arguments: [id])
                ?? true
            if !taken { return id }
        }
        throw VaultError.failed("no free id for a run was found")
    }
}

extension RunTable {
    /// - Throws: `VaultError` E-VAULT-030.
    static func fetch(_ database: Database, _ id: RunID) throws -> RunRecord {
        guard
            let row = try Row.fetchOne(
                database, sql: "SELECT * FROM runs WHERE id = ? AND trashed = 0", arguments: [id])
        else { throw VaultError.noRun(id) }
        return try record(row)
    }

    static func setTrashed(_ database: Database, _ id: RunID, _ isTrashed: Bool) throws {
        try database.execute(cached: "UPDATE runs SET trashed = ? WHERE id = ?", arguments: [isTrashed, id])
    }

    static func erase(_ database: Database, _ id: RunID) throws {
        try database.execute(sql: "DELETE FROM runs WHERE id = ?", arguments: [id])
    }

    /// Forgets that runs were trained on a document.
    static func forgetDocument(_ database: Database, _ digest: DocumentID) throws {
        try database.execute(sql: "DELETE FROM run_documents WHERE document = ?", arguments: [digest])
    }

    private static func record(_ row: Row) throws -> RunRecord {
        RunRecord(
            id: try row.value("id"), adapter: try row.value("adapter"), state: try row.value("state"),
            configuration: try row.value("configuration"), base: try row.value("base"), data: try row.value("data"),
            step: try row.value("step"), steps: try row.value("steps"), started: try row.date("started"),
            updated: try row.date("updated"), detail: try row.optional("detail"),
            version: try row.optional("version"), checkpointStep: try row.optional("checkpoint_step"),
            isTrashed: try row.value("trashed"))
    }
}
