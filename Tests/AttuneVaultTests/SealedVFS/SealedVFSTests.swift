// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import CSealedVFS
import Foundation
import GRDB
import Testing

/// SQLite's own work on sealed files, through GRDB.
@Suite struct SealedVFSTests {
    let database: SealedDatabase
    init() throws { database = try SealedDatabase() }

    private func fill(_ writer: some DatabaseWriter, rows: Int, size: Int = 500) throws {
        try writer.write { database in
            try database.execute(sql: "CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, body BLOB)")
            for _ in 0..<rows {
                try database.execute(sql: "INSERT INTO entry (body) VALUES (randomblob(?))", arguments: [size])
            }
        }
    }

    private func rows(_ reader: some DatabaseReader) throws -> Int {
        try reader.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM entry") ?? -1 }
    }

    private func integrity(_ reader: some DatabaseReader) throws -> String? {
        try reader.read { try String.fetchOne($0, sql: "PRAGMA integrity_check") }
    }

    @Test func aNewDatabaseIsEmptyWholeAndInWriteAheadMode() throws {
        // A pool would have made a table of its own on first use.
        let queue = try DatabaseQueue(path: database.path, configuration: SealedDatabase.configuration())
        #expect(try integrity(queue) == "ok")
        #expect(try queue.read { try String.fetchOne($0, sql: "PRAGMA journal_mode") } == "wal")
        #expect(try queue.read { try Int.fetchOne($0, sql: "PRAGMA page_count") } == 1)
    }

    @Test func aNewDatabaseBelongsToItsUserAloneAndIsNeverOverwritten() throws {
        let attributes = try FileManager.default.attributesOfItem(atPath: database.path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(sealed_vfs_create(database.path, SealedDatabase.key) == ResultCode.SQLITE_CANTOPEN.rawValue)
        let names = try FileManager.default.contentsOfDirectory(atPath: database.folder.path)
        #expect(names == ["store.db"])
    }

    @Test func manyReadersAndWritersSeeWholeTransactions() async throws {
        let pool = try database.pool()
        try fill(pool, rows: 10)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<20 {
                        try await pool.write { database in
                            try database.execute(sql: "INSERT INTO entry (body) VALUES (zeroblob(3000))")
                            try database.execute(sql: "INSERT INTO entry (body) VALUES (zeroblob(3000))")
                        }
                    }
                }
                group.addTask {
                    for _ in 0..<20 {
                        let count = try await pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM entry") }
                        #expect((count ?? 1) % 2 == 0)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try rows(pool) == 170)
        #expect(try integrity(pool) == "ok")
    }

    @Test func contentSurvivesClosingCheckpointAndVacuum() throws {
        do {
            let pool = try database.pool()
            try fill(pool, rows: 2000)
            try pool.write { try $0.execute(sql: "DELETE FROM entry WHERE id % 2 = 0") }
            try pool.writeWithoutTransaction { database in
                try database.execute(sql: "VACUUM")
                try database.checkpoint(.truncate)
            }
            try pool.close()
        }
        let pool = try database.pool()
        #expect(try rows(pool) == 1000)
        #expect(try integrity(pool) == "ok")
        try pool.close()
        let check = damagedPages(database.path)
        #expect(check.code == 0)
        #expect(check.pages.isEmpty)
        #expect(check.count > 100)
    }

    @Test func aBackupGoesIntoADatabaseThatWasMadeBefore() throws {
        let pool = try database.pool()
        try fill(pool, rows: 500)
        let target = database.folder.path + "/backup.db"
        let key = [UInt8](repeating: 7, count: 32)
        try #require(sealed_vfs_create(target, key) == 0 && sealed_vfs_add(target, key) == 0)
        defer { sealed_vfs_remove(target) }
        let copy = try DatabaseQueue(path: target, configuration: SealedDatabase.configuration())
        try pool.backup(to: copy)
        #expect(try rows(copy) == 500)
        #expect(try integrity(copy) == "ok")
        try copy.close()
        #expect(damagedPages(target, key: key).code == 0)
        #expect(damagedPages(target).code == ResultCode.SQLITE_NOTADB.rawValue)
    }

    @Test func aTransactionThatSpillsAndRewritesItsOwnFramesIsNotLost() throws {
        let pool = try database.pool(cachePages: 10, checkpoints: false)
        try fill(pool, rows: 400)
        try pool.write { database in
            for round in 0..<6 {
                try database.execute(sql: "UPDATE entry SET body = randomblob(500 + ?)", arguments: [round])
            }
            try database.execute(sql: "SAVEPOINT inner_step; DELETE FROM entry; ROLLBACK TO inner_step")
            try database.execute(sql: "INSERT INTO entry (body) VALUES (zeroblob(100000))")
        }
        let copy = try database.copy(
            "crashed.db", database: database.bytes(of: database.path), log: database.bytes(of: database.logPath))
        defer { sealed_vfs_remove(copy) }
        let recovered = try DatabaseQueue(path: copy, configuration: SealedDatabase.configuration())
        #expect(try rows(recovered) == 401)
        #expect(try integrity(recovered) == "ok")
    }

    @Test func aCrashInTheMiddleOfATransactionLeavesTheOneBefore() throws {
        let pool = try database.pool(cachePages: 10, checkpoints: false)
        try fill(pool, rows: 100)
        let (main, log) = try pool.write { connection in
            try connection.execute(sql: "UPDATE entry SET body = zeroblob(5000)")
            return (try database.bytes(of: database.path), try database.bytes(of: database.logPath))
        }
        #expect(log.count > 100 * SealedDatabase.frameSize)
        let copy = try database.copy("crashed.db", database: main, log: log)
        defer { sealed_vfs_remove(copy) }
        let recovered = try DatabaseQueue(path: copy, configuration: SealedDatabase.configuration())
        #expect(try rows(recovered) == 100)
        #expect(try recovered.read { try Int.fetchOne($0, sql: "SELECT max(length(body)) FROM entry") } == 500)
        #expect(try integrity(recovered) == "ok")
    }

    @Test func databasesInMemoryStayPossible() throws {
        let queue = try DatabaseQueue()
        try fill(queue, rows: 10)
        #expect(try rows(queue) == 10)
        let named = try DatabaseQueue(named: "sealed-vfs-\(UUID().uuidString)")
        try fill(named, rows: 10)
        #expect(try rows(named) == 10)
    }

    @Test func aPathThatIsAllowedPlainIsAnOrdinaryDatabase() throws {
        let path = database.folder.path + "/plain.db"
        try #require(sealed_vfs_allow_plain(path) == 0)
        defer { sealed_vfs_remove(path) }
        let queue = try DatabaseQueue(path: path)
        try fill(queue, rows: 10)
        try queue.close()
        #expect(try Data(contentsOf: URL(filePath: path)).starts(with: Data("SQLite format 3".utf8)))
    }
}
