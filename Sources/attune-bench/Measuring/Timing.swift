// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneVault
import Foundation
import GRDB

/// Seconds of one round on one database.
struct Timing {
    let insert: Double
    let scan: Double
    let point: Double

    init(path: String, mebibytes: Int, reads: Int) throws {
        let rows = mebibytes * 1024
        let body = Data((0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        func measure(_ work: () throws -> Void) rethrows -> Double {
            let start = ContinuousClock.now
            try work()
            let (seconds, attoseconds) = (ContinuousClock.now - start).components
            return Double(seconds) + Double(attoseconds) * 1e-18
        }
        let writer = try StoreDatabase.pool(path: path, readonly: false)
        try writer.write { try $0.execute(sql: "CREATE TABLE notes (id INTEGER PRIMARY KEY, body BLOB NOT NULL)") }
        insert = try measure {
            try writer.write { database in
                let statement = try database.makeStatement(sql: "INSERT INTO notes (body) VALUES (?)")
                for _ in 0..<rows { try statement.execute(arguments: [body]) }
            }
            try writer.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        }
        try writer.close()
        // A new connection has an empty page cache: every page is read, and opened, again.
        let reader = try StoreDatabase.pool(path: path, readonly: false)
        scan = try measure {
            let total = try reader.read {
                try Int.fetchOne($0, sql: "SELECT SUM(LENGTH(body) + (body > x'00')) FROM notes")
            }
            precondition(total == rows * (body.count + 1) || total == rows * body.count)
        }
        var state: UInt64 = 1
        point =
            try measure {
                for _ in 0..<reads {
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    let id = Int(state >> 33) % rows + 1
                    let found = try reader.read {
                        try Row.fetchOne($0, sql: "SELECT body FROM notes WHERE id = ?", arguments: [id])
                    }
                    precondition(found != nil)
                }
            } / Double(reads)
        try reader.close()
    }
}
