// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import CSealedVFS
import Foundation
import GRDB
import Testing

/// What the VFS does not do, because it would write plaintext or break the seal.
@Suite struct SealedVFSRefusalTests {
    let database: SealedDatabase
    init() throws { database = try SealedDatabase() }

    private let cannotOpen = ResultCode.SQLITE_CANTOPEN.rawValue
    private let notADatabase = ResultCode.SQLITE_NOTADB.rawValue

    private func open(_ path: String) -> Int32 {
        resultCode { _ = try DatabaseQueue(path: path, configuration: SealedDatabase.configuration()) } & 255
    }

    @Test func aPathThatWasNotAddedDoesNotOpen() throws {
        let path = database.folder.path + "/other.db"
        #expect(open(path) == cannotOpen)
        #expect(!FileManager.default.fileExists(atPath: path))
        try #require(sealed_vfs_remove(database.path) == 0)
        #expect(open(database.path) == cannotOpen)
        #expect(sealed_vfs_remove(database.path) == ResultCode.SQLITE_NOTFOUND.rawValue)
    }

    @Test func aDatabaseIsNeverBornByOpeningIt() throws {
        let path = database.folder.path + "/missing.db"
        try #require(sealed_vfs_add(path, SealedDatabase.key) == 0)
        defer { sealed_vfs_remove(path) }
        #expect(open(path) == cannotOpen)
        #expect(!FileManager.default.fileExists(atPath: path))
        try Data().write(to: URL(filePath: path))
        #expect(open(path) == notADatabase)
    }

    @Test func aWrongKeyAndAPlainFileAreNoDatabase() throws {
        try #require(sealed_vfs_add(database.path, [UInt8](repeating: 1, count: 32)) == 0)
        #expect(open(database.path) == notADatabase)
        let path = database.folder.path + "/plain.db"
        try #require(sealed_vfs_allow_plain(path) == 0)
        let plain = try DatabaseQueue(path: path)
        try plain.write { try $0.execute(sql: "CREATE TABLE t (x)") }
        try plain.close()
        try #require(sealed_vfs_add(path, SealedDatabase.key) == 0)
        defer { sealed_vfs_remove(path) }
        #expect(open(path) == notADatabase)
    }

    @Test(arguments: [
        "PRAGMA page_size = 8192", "PRAGMA journal_mode = DELETE", "PRAGMA journal_mode = OFF",
        "PRAGMA journal_mode = MEMORY", "PRAGMA mmap_size = 1000000", "PRAGMA temp_store = FILE", "PRAGMA key = 'x'",
        "PRAGMA rekey = 'x'",
    ])
    func pragmasThatWouldWeakenTheSealAreRefused(_ sql: String) throws {
        let queue = try DatabaseQueue(path: database.path, configuration: SealedDatabase.configuration())
        #expect(resultCode { try queue.writeWithoutTransaction { try $0.execute(sql: sql) } } == 1)
        #expect(try queue.read { try String.fetchOne($0, sql: "PRAGMA journal_mode") } == "wal")
    }

    @Test func temporaryFilesAreRefused() throws {
        var configuration = Configuration()
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA cache_size = 5") }
        // No temp_store here: SQLite then wants files, and gets none.
        let queue = try DatabaseQueue(path: database.path, configuration: configuration)
        let code = resultCode {
            try queue.write { database in
                try database.execute(sql: "CREATE TEMP TABLE t (x)")
                for _ in 0..<2000 { try database.execute(sql: "INSERT INTO t VALUES (randomblob(1000))") }
            }
        }
        #expect(code & 255 == cannotOpen)
    }

    @Test func vacuumIntoANewFileIsRefused() throws {
        let queue = try DatabaseQueue(path: database.path, configuration: SealedDatabase.configuration())
        let target = database.folder.path + "/into.db"
        #expect(resultCode { try queue.vacuum(into: target) } & 255 == cannotOpen)
    }

    @Test func anotherDatabaseCannotBeAttachedUnlessItWasAdded() throws {
        let queue = try DatabaseQueue(path: database.path, configuration: SealedDatabase.configuration())
        let target = database.folder.path + "/attached.db"
        let code = resultCode {
            try queue.writeWithoutTransaction { try $0.execute(sql: "ATTACH ? AS other", arguments: [target]) }
        }
        #expect(code & 255 == cannotOpen)
        #expect(!FileManager.default.fileExists(atPath: target))
    }

    @Test func aDatabaseThatIsOpenHereIsNotCheckedByItsFile() throws {
        let pool = try database.pool()
        #expect(damagedPages(database.path).code == ResultCode.SQLITE_BUSY.rawValue)
        try pool.close()
        #expect(damagedPages(database.path).code == 0)
    }

    @Test func noPlaintextReachesAnyFile() throws {
        let marker = "MARKER-a-very-private-sentence"
        let pool = try database.pool(cachePages: 10, checkpoints: false)
        try pool.write { database in
            try database.execute(sql: "CREATE TABLE private_table_name (id INTEGER PRIMARY KEY, body TEXT)")
            try database.execute(sql: "CREATE INDEX by_body ON private_table_name (body)")
            try database.execute(sql: "CREATE VIRTUAL TABLE search USING fts5 (body)")
            for number in 0..<500 {
                let body = "\(marker) \(number) " + String(repeating: "x", count: 300)
                try database.execute(sql: "INSERT INTO private_table_name (body) VALUES (?)", arguments: [body])
                try database.execute(sql: "INSERT INTO search VALUES (?)", arguments: [body])
            }
        }
        try pool.writeWithoutTransaction { database in
            try database.execute(sql: "INSERT INTO search (search) VALUES ('rebuild')")
            _ = try String.fetchAll(database, sql: "SELECT body FROM private_table_name ORDER BY body DESC, id")
            try database.execute(sql: "VACUUM")
        }
        func scan() throws {
            for name in try FileManager.default.contentsOfDirectory(atPath: database.folder.path) {
                let bytes = Data(try database.bytes(of: database.folder.path + "/" + name))
                for text in ["MARKER", "private_table", "SQLite format", "CREATE TABLE", "xxxxxxxx"] {
                    #expect(bytes.range(of: Data(text.utf8)) == nil, "\(text) in \(name)")
                }
            }
        }
        try scan()
        try pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        try scan()
        try pool.close()
        try scan()
    }
}
