// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import GRDB

/// Reads and changes single versions as part of a transaction.
extension VersionTable {
    /// Tells where the bytes of a version are; nil if there is no such version.
    static func state(_ database: Database, version row: Int64) throws -> BlobState? {
        try BlobState.fetchOne(
            database, cached: "SELECT b.state FROM versions v JOIN blobs b ON b.id = v.blob WHERE v.seq = ?",
            arguments: [row])
    }

    /// Gives a version the bytes and the history that a claim says.
    static func show(_ database: Database, version row: Int64, as claim: Row) throws {
        try database.execute(
            cached: """
                UPDATE versions SET blob = ?, manifest = ?, parents = ?, created = ?, loss_before = ?, loss_after = ?
                WHERE seq = ?
                """,
            arguments: [
                claim["blob"], claim["manifest"], claim["parents"], claim["created"], claim["loss_before"],
                claim["loss_after"], row,
            ])
    }

    /// Gives a version the history that a claim tells; its bytes stay.
    static func retell(_ database: Database, version row: Int64, as claim: Row) throws {
        try database.execute(
            cached: "UPDATE versions SET parents = ?, created = ?, loss_before = ?, loss_after = ? WHERE seq = ?",
            arguments: [claim["parents"], claim["created"], claim["loss_before"], claim["loss_after"], row])
    }

    static func isTrashed(_ database: Database, version row: Int64) throws -> Bool {
        try Bool.fetchOne(database, cached: "SELECT trashed FROM versions WHERE seq = ?", arguments: [row]) ?? false
    }

    static func setTrashed(_ database: Database, version row: Int64?, _ isTrashed: Bool) throws {
        try database.execute(cached: "UPDATE versions SET trashed = ? WHERE seq = ?", arguments: [isTrashed, row])
    }

    static func find(_ database: Database, _ adapter: AdapterID, _ id: VersionID) throws -> Int64? {
        try Int64.fetchOne(
            database, cached: "SELECT seq FROM versions WHERE adapter = ? AND id = ?", arguments: [adapter, id])
    }

    static func isTaken(_ database: Database, _ adapter: AdapterID, number: Int) throws -> Bool {
        try Bool.fetchOne(
            database, cached: "SELECT EXISTS (SELECT 1 FROM versions WHERE adapter = ? AND number = ?)",
            arguments: [adapter, number]) ?? true
    }

    /// Lists the rows of an adapter's versions by number, the trash left out.
    static func rows(_ database: Database, of adapter: AdapterID) throws -> [Int64] {
        try Int64.fetchAll(
            database, cached: "SELECT seq FROM versions WHERE adapter = ? AND trashed = 0 ORDER BY number",
            arguments: [adapter])
    }

    /// Reads the number of every version and whether it lies in the trash, by adapter and row.
    static func places(_ database: Database) throws -> [AdapterID: [Int64: (number: Int, isTrashed: Bool)]] {
        try Row.fetchAll(database, sql: "SELECT seq, adapter, number, trashed FROM versions").reduce(into: [:]) {
            let adapter = try $1.value("adapter", as: AdapterID.self)
            $0[adapter, default: [:]][try $1.value("seq")] = (try $1.value("number"), try $1.value("trashed"))
        }
    }

    static func hasAny(_ database: Database, _ adapter: AdapterID) throws -> Bool {
        try Bool.fetchOne(
            database, cached: "SELECT EXISTS (SELECT 1 FROM versions WHERE adapter = ?)", arguments: [adapter]) ?? true
    }

    static func eraseAll(_ database: Database, of adapter: AdapterID) throws {
        try database.execute(sql: "DELETE FROM versions WHERE adapter = ?", arguments: [adapter])
    }

    static func erase(_ database: Database, version row: Int64) throws {
        try database.execute(cached: "DELETE FROM versions WHERE seq = ?", arguments: [row])
    }

    /// Forgets a version, wherever it is listed.
    ///
    /// - Returns: the ids of chunk files that nothing needs any more.
    static func erase(_ database: Database, _ version: VersionRecord) throws -> [ChunkID] {
        try AdapterTable.forgetHead(database, version.row)
        try TrashTable.remove(database, .version, "\(version.row)")
        try erase(database, version: version.row)
        return try StoredBlob.release(database, id: version.blob)
    }
}
