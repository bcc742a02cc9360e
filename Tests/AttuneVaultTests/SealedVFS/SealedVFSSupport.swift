// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import CSealedVFS
import Foundation
import GRDB
import Testing

/// A sealed database in a folder of its own, known to the VFS as long as the object lives.
final class SealedDatabase: Sendable {
    static let key: [UInt8] = (0..<32).map { $0 }
    static let pageSize = 4096
    static let frameSize = 4096 + 24
    static let logHeader = 32

    let folder: TemporaryDirectory
    let path: String
    var logPath: String { path + "-wal" }

    init() throws {
        try #require(sealed_vfs_register() == 0)
        folder = try TemporaryDirectory()
        path = folder.path + "/store.db"
        try #require(sealed_vfs_create(path, Self.key) == 0)
        try #require(sealed_vfs_add(path, Self.key) == 0)
    }

    deinit { sealed_vfs_remove(path) }

    /// What every connection of the store sets; `checkpoints` off keeps all commits in the log.
    static func configuration(cachePages: Int? = nil, checkpoints: Bool = true) -> Configuration {
        var configuration = Configuration()
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF")
            if let cachePages { try database.execute(sql: "PRAGMA cache_size = \(cachePages)") }
            if !checkpoints { try database.execute(sql: "PRAGMA wal_autocheckpoint = 0") }
        }
        return configuration
    }

    func pool(cachePages: Int? = nil, checkpoints: Bool = true) throws -> DatabasePool {
        try DatabasePool(
            path: path, configuration: Self.configuration(cachePages: cachePages, checkpoints: checkpoints))
    }

    /// Writes a database and a log, as a crash would leave them, to a registered path beside this one.
    func copy(_ name: String, database: [UInt8], log: [UInt8]) throws -> String {
        let copy = folder.path + "/" + name
        for leftover in [copy + "-shm", copy + "-wal"] { try? FileManager.default.removeItem(atPath: leftover) }
        try Data(database).write(to: URL(filePath: copy))
        if !log.isEmpty { try Data(log).write(to: URL(filePath: copy + "-wal")) }
        try #require(sealed_vfs_add(copy, Self.key) == 0)
        return copy
    }

    /// The bytes of a file, read by a process of its own: closing a descriptor of a database that is open here would
    /// drop its locks.
    func bytes(of file: String) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/cat")
        process.arguments = [file]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Array(data)
    }
}

/// SQLite's extended result code behind an error of GRDB; 0 if `body` throws none, -1 for any other error.
func resultCode(_ body: () throws -> Void) -> Int32 {
    do {
        try body()
        return 0
    } catch let error as DatabaseError {
        return error.extendedResultCode.rawValue
    } catch {
        return -1
    }
}

/// The numbers of the pages that do not open, and the result of the whole check.
func damagedPages(_ path: String, key: [UInt8] = SealedDatabase.key) -> (code: Int32, pages: [UInt32], count: UInt32) {
    var damaged: [UInt32] = []
    var count: UInt32 = 0
    let code = withUnsafeMutablePointer(to: &damaged) { list in
        sealed_vfs_verify_file(
            path, key,
            { context, page in
                context?.assumingMemoryBound(to: [UInt32].self).pointee.append(page)
                return 0
            }, list, &count)
    }
    return (code, damaged, count)
}
