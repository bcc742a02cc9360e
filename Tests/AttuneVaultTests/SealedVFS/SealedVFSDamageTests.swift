// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCrypto
import CSealedVFS
import Foundation
import GRDB
import Testing

/// Every change to a sealed file is noticed: as an error, or as a log that ends before the change.
@Suite struct SealedVFSDamageTests {
    let source: SealedDatabase
    init() throws { source = try SealedDatabase() }

    private static let commits = 12

    /// A database with one row in its file and one row more for each of twelve commits in its log.
    private func databaseAndLog() throws -> (database: [UInt8], log: [UInt8]) {
        let pool = try source.pool(checkpoints: false)
        try pool.write { database in
            try database.execute(sql: "CREATE TABLE entry (id INTEGER PRIMARY KEY, body BLOB)")
            try database.execute(sql: "INSERT INTO entry VALUES (0, randomblob(200000))")
        }
        try pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        for number in 1...Self.commits {
            try pool.write {
                try $0.execute(sql: "INSERT INTO entry VALUES (?, randomblob(6000))", arguments: [number])
            }
        }
        return (try source.bytes(of: source.path), try source.bytes(of: source.logPath))
    }

    /// Opens a crashed copy and reads all of it: the highest row, or nil after an error.
    private func recover(_ name: String, _ database: [UInt8], _ log: [UInt8]) throws -> Int? {
        let copy = try source.copy(name, database: database, log: log)
        defer { sealed_vfs_remove(copy) }
        var last: Int?
        let code = resultCode {
            let queue = try DatabaseQueue(path: copy, configuration: SealedDatabase.configuration())
            try queue.read { database in
                let rows = try Row.fetchAll(database, sql: "SELECT id, length(body) AS size FROM entry ORDER BY id")
                #expect(rows.map { $0["id"] as Int } == Array(0..<rows.count))
                _ = try Data.fetchAll(database, sql: "SELECT body FROM entry")
                #expect(try String.fetchOne(database, sql: "PRAGMA integrity_check") == "ok")
                last = rows.count - 1
            }
        }
        return code == 0 ? last : nil
    }

    @Test func everyFlippedBitOfTheDatabaseIsFoundByTheCheckAndByReading() throws {
        let (database, _) = try databaseAndLog()
        let pages = database.count / SealedDatabase.pageSize
        #expect(pages > 50)
        for page in 0..<pages {
            var changed = database
            let place = page * SealedDatabase.pageSize + (page == 0 ? page % 4096 : Int.random(in: 0..<4096))
            changed[place] ^= 1 << UInt8(page % 8)
            let copy = try source.copy("flip.db", database: changed, log: [])
            defer { sealed_vfs_remove(copy) }
            let check = damagedPages(copy)
            #expect(check.pages == [UInt32(page + 1)])
            #expect(check.code == (page == 0 ? ResultCode.SQLITE_NOTADB : .SQLITE_CORRUPT).rawValue)
            #expect(try recover("flip.db", changed, []) == nil, "page \(page + 1)")
        }
    }

    @Test func everyByteOfTheFirstPageCounts() throws {
        let (database, _) = try databaseAndLog()
        for place in stride(from: 0, to: 4096, by: 31) {
            var changed = database
            changed[place] ^= 0x10
            #expect(try recover("first.db", changed, []) == nil, "byte \(place)")
        }
    }

    @Test func swappedPagesAndPagesOfAnotherDatabaseAreFound() throws {
        let (database, _) = try databaseAndLog()
        let size = SealedDatabase.pageSize
        var swapped = database
        swapped.replaceSubrange(size..<2 * size, with: database[2 * size..<3 * size])
        swapped.replaceSubrange(2 * size..<3 * size, with: database[size..<2 * size])
        let copy = try source.copy("swap.db", database: swapped, log: [])
        defer { sealed_vfs_remove(copy) }
        #expect(damagedPages(copy).pages == [2, 3])

        // The same root key, but another database id.
        let other = try SealedDatabase()
        let pool = try other.pool()
        try pool.write { try $0.execute(sql: "CREATE TABLE t (x); INSERT INTO t VALUES (randomblob(9000))") }
        try pool.close()
        var foreign = database
        foreign.replaceSubrange(size..<2 * size, with: try other.bytes(of: other.path)[size..<2 * size])
        let mixed = try source.copy("foreign.db", database: foreign, log: [])
        defer { sealed_vfs_remove(mixed) }
        #expect(damagedPages(mixed).pages == [2])
    }

    @Test func aTornLastPageIsFound() throws {
        let (database, _) = try databaseAndLog()
        for missing in [1, 40, 4095] {
            let copy = try source.copy("torn.db", database: Array(database.dropLast(missing)), log: [])
            defer { sealed_vfs_remove(copy) }
            #expect(damagedPages(copy).code == ResultCode.SQLITE_CORRUPT.rawValue)
        }
    }

    /// The page of the torn frame was all zeros, as the end of a row of zeros is, so its checksum fits that of zeros.
    @Test func aTornTailOfZerosEndsTheLogBeforeIt() throws {
        let pool = try source.pool(checkpoints: false)
        try pool.write { database in
            try database.execute(sql: "CREATE TABLE entry (id INTEGER PRIMARY KEY, body BLOB)")
            try database.execute(sql: "INSERT INTO entry VALUES (0, randomblob(9000))")
        }
        try pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        try pool.write { try $0.execute(sql: "INSERT INTO entry VALUES (1, zeroblob(20000))") }
        let (database, log) = (try source.bytes(of: source.path), try source.bytes(of: source.logPath))
        #expect(try recover("zeros.db", database, log) == 1)
        let frames = (log.count - SealedDatabase.logHeader) / SealedDatabase.frameSize
        #expect(frames > 3)
        for frame in frames - 3..<frames {
            var torn = log
            torn[SealedDatabase.logHeader + frame * SealedDatabase.frameSize + 2000] ^= 4
            #expect(try recover("zeros.db", database, torn) == 0, "frame \(frame) of \(frames)")
        }
    }

    @Test func everyFlippedBitOfALogEndsItThereOrIsAnError() throws {
        let (database, log) = try databaseAndLog()
        #expect(try recover("whole.db", database, log) == Self.commits)
        let frames = (log.count - SealedDatabase.logHeader) / SealedDatabase.frameSize
        for frame in 0..<frames {
            let start = SealedDatabase.logHeader + frame * SealedDatabase.frameSize
            // Each field of the header once over all frames, and one place in the page.
            for place in [start + frame % 24, start + 24 + Int.random(in: 0..<4096)] {
                var changed = log
                changed[place] ^= 1 << UInt8(frame % 8)
                let last = try recover("log.db", database, changed)
                // A commit never survives a change to one of its frames or to one before.
                #expect((last ?? 0) <= frame, "frame \(frame), byte \(place - start)")
                #expect((last ?? 0) < Self.commits, "frame \(frame), byte \(place - start)")
            }
        }
    }

    @Test func aLogCutOrOverwrittenAnywhereRecoversToACleanPrefix() throws {
        let (database, log) = try databaseAndLog()
        for round in 0..<60 {
            let cut = round < 32 ? round + 1 : Int.random(in: 33..<log.count)
            let kept = Array(log[..<cut])
            let short = try #require(try recover("cut.db", database, kept), "cut at \(cut)")
            #expect(short < Self.commits)
            let garbage = SecretBytes(random: log.count - cut).withUnsafeBytes { Array($0) }
            let last = try #require(try recover("garbage.db", database, kept + garbage), "garbage from \(cut)")
            #expect(last <= short)
        }
    }

    @Test func framesOfOneLogDoNotContinueAnother() throws {
        let (database, log) = try databaseAndLog()
        let size = SealedDatabase.frameSize
        let first = SealedDatabase.logHeader
        // Two frames change places, headers and all.
        var swapped = log
        swapped.replaceSubrange(first..<first + size, with: log[first + size..<first + 2 * size])
        swapped.replaceSubrange(first + size..<first + 2 * size, with: log[first..<first + size])
        #expect(try recover("swapped.db", database, swapped) == nil)
    }

    /// Frames of one transaction: from after the commit before to its own.
    private func transactions(_ log: [UInt8]) -> [Range<Int>] {
        var result: [Range<Int>] = []
        let frames = (log.count - SealedDatabase.logHeader) / SealedDatabase.frameSize
        for frame in 0..<frames {
            let header = SealedDatabase.logHeader + frame * SealedDatabase.frameSize
            guard log[header + 4..<header + 8].contains(where: { $0 != 0 }) else { continue }
            result.append((result.last?.upperBound ?? 0)..<frame + 1)
        }
        return result
    }

    private func spoil(_ log: inout [UInt8], _ frame: Int) {
        let start = SealedDatabase.logHeader + frame * SealedDatabase.frameSize
        for place in start..<start + SealedDatabase.frameSize { log[place] = 0 }
    }

    @Test func damageBeforeTheLastTransactionsIsAnErrorAndATornLastOneIsNot() throws {
        let (database, log) = try databaseAndLog()
        let transactions = transactions(log)
        #expect(transactions.count == Self.commits)
        for (number, frames) in transactions.enumerated() {
            for frame in frames {
                var damaged = log
                damaged[SealedDatabase.logHeader + frame * SealedDatabase.frameSize + 2000] ^= 4
                let last = try recover("damaged.db", database, damaged)
                // A bad commit frame of the one before the last still leads to the next by its checksum.
                #expect(last == (number < Self.commits - 1 ? nil : Self.commits - 1), "frame \(frame)")
            }
        }
        // Power may fail before any of the last frames is on disk, in any order.
        let last = try #require(transactions.last)
        #expect(last.count > 1)
        for subset in 1..<1 << last.count {
            var torn = log
            for (bit, frame) in last.enumerated() where subset & 1 << bit != 0 { spoil(&torn, frame) }
            #expect(try recover("torn.db", database, torn) == Self.commits - 1, "\(subset)")
        }
    }

    /// What an earlier transaction left behind a shorter one is no proof of anything.
    @Test func framesLeftBehindAreNotTakenForLaterOnes() throws {
        let (database, log) = try databaseAndLog()
        let transactions = transactions(log)
        // The last transaction is torn, with its commit on disk; then a shorter one is written over it.
        var torn = log
        spoil(&torn, try #require(transactions.last).lowerBound)
        let copy = try source.copy("left.db", database: database, log: torn)
        defer { sealed_vfs_remove(copy) }
        var configuration = SealedDatabase.configuration(cachePages: 10, checkpoints: false)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        let queue = try DatabaseQueue(path: copy, configuration: configuration)
        try queue.write { try $0.execute(sql: "UPDATE entry SET body = x'00' WHERE id = 1") }
        // One that spills into the log, is rolled back, and is longer than what follows.
        try queue.inTransaction {
            try $0.execute(sql: "INSERT INTO entry SELECT 100 + id, randomblob(20000) FROM entry")
            return .rollback
        }
        let before = try source.bytes(of: copy + "-wal")
        try queue.write { try $0.execute(sql: "INSERT INTO entry VALUES (\(Self.commits), randomblob(9000))") }
        let written = try source.bytes(of: copy + "-wal")
        try queue.close()
        #expect(written.count == before.count)
        #expect(before.count > log.count)
        #expect(try recover("whole.db", database, written) == Self.commits)
        let size = SealedDatabase.frameSize
        let newest = (0..<(written.count - SealedDatabase.logHeader) / size).filter { frame in
            let start = SealedDatabase.logHeader + frame * size
            return written[start..<start + size] != before[start..<start + size]
        }
        #expect(newest.count > 2)
        for frame in newest {
            var again = written
            spoil(&again, frame)
            #expect(try recover("again.db", database, again) == Self.commits - 1, "frame \(frame)")
        }
    }

    @Test func aDamagedHeaderOfTheLogIsAnError() throws {
        let (database, log) = try databaseAndLog()
        for place in 0..<32 {
            var changed = log
            changed[place] ^= 1 << UInt8(place % 8)
            #expect(try recover("header.db", database, changed) == nil, "byte \(place)")
        }
    }
}
