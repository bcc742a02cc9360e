// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

extension StoreSalvage {
    /// Makes the database of all rows that are found; whether those of the circle are whole, or there is none.
    func fillDatabase(
        of store: StoreFolder, key: borrowing SecretBytes, _ report: inout SalvageReport
    ) throws -> Bool {
        let tables = SalvagedTables(pages)
        let layout = tables.layout.flatMap { $0 > 0 ? $0 : nil } ?? StoreSchema.format
        guard layout <= StoreSchema.format else {
            throw VaultError.otherFormat(found: "\(layout)", known: StoreSchema.format)
        }
        try SealedDatabase.create(path: store.database, vaultKey: key)
        let seal = try SealedDatabase(path: store.database, vaultKey: key, use: .alone)
        defer { withExtendedLifetime(seal) {} }
        do {
            var configuration = StoreDatabase.alone
            // Rows come in any order; what refers to nothing goes at the end.
            configuration.foreignKeysEnabled = false
            let queue = try DatabaseQueue(path: store.database, configuration: configuration)
            defer { try? queue.close() }
            if StoreSchema.migrator.migrations.contains("\(layout)") {
                try StoreSchema.migrator.migrate(queue, upTo: "\(layout)")
            } else {
                try StoreSchema.migrator.migrate(queue)
            }
            let isWhole = try queue.write { try insert(tables, into: $0, &report) }
            try queue.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
            try queue.close()
            return isWhole
        } catch let error as DatabaseError {
            throw VaultError.database(error) { DurableFile.isDiskFull(probing: store.staging + "/probe") }
        }
    }

    private func insert(
        _ tables: SalvagedTables, into database: Database, _ report: inout SalvageReport
    ) throws -> Bool {
        let targets = try SalvageTarget.all(database)
        var partial: [SalvageTarget] = []
        for target in targets {
            guard let found = tables.table(target.name) else {
                partial.append(target)
                continue
            }
            if !found.isWhole { partial.append(target) }
            var (inserted, refused) = (0, 0)
            for row in found.rows {
                switch try target.insert(row, into: database) {
                case .inserted: inserted += 1
                case .isThere: break
                case .refused: refused += 1
                }
            }
            report.add(target.name) {
                $0.rows += inserted
                $0.lostPages += found.lostPages
                $0.stalePages += found.stalePages
                $0.lostRows += found.lostRows + refused
            }
        }
        // What hung below a lost page is among the pages that nothing refers to.
        if !tables.knowsAllTables || !partial.isEmpty {
            tables.passOver(except: Set(partial.map(\.name)))
            for stray in tables.strays() {
                guard let (name, rows) = try Self.insert(stray, intoOneOf: partial, database) else { continue }
                report.add(name) { $0.rows += rows }
                report.strayRows += rows
            }
        }
        try adoptOrphans(database)
        for (name, count) in try SalvageTarget.dropDangling(targets, database) {
            report.add(name) {
                $0.rows -= count
                $0.lostRows += count
            }
        }
        // A store of before has no claims.
        let users = [("versions", "blob"), ("claims", "blob"), ("runs", "checkpoint"), ("received", "blob")]
        let isUnused = users.filter { user in targets.contains { $0.name == user.0 } }
            .map { "NOT EXISTS (SELECT 1 FROM \($0.0) WHERE \($0.1) = blobs.id)" }
        try database.execute(sql: "DELETE FROM blobs WHERE \(isUnused.joined(separator: " AND "))")
        try database.execute(sql: "DELETE FROM chunks WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE id = chunks.blob)")
        return tables.knowsAllTables && Self.circleTables.isDisjoint(with: partial.map(\.name))
    }

    /// Inserts the rows of a page into the first table that takes them all.
    private static func insert(
        _ stray: SalvagedTables.Stray, intoOneOf targets: [SalvageTarget], _ database: Database
    ) throws -> (String, Int)? {
        for target in targets
        where target.hasRowids == stray.isTable && !stray.rows.isEmpty && stray.rows.allSatisfy({ target.fits($0) }) {
            var inserted = 0
            var isTaken = true
            try database.inSavepoint {
                for row in stray.rows {
                    switch try target.insert(row, into: database) {
                    case .inserted: inserted += 1
                    case .isThere: break
                    case .refused: isTaken = false
                    }
                    guard isTaken else { return .rollback }
                }
                return .commit
            }
            if isTaken { return (target.name, inserted) }
        }
        return nil
    }

    /// Gives versions and messages whose adapter or conversation is lost a new one, so that they can be found.
    private func adoptOrphans(_ database: Database) throws {
        struct Manifest: Decodable {
            struct Base: Decodable { let id: BaseID }
            let base: Base
        }
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT adapter, manifest, MAX(seq) AS head FROM versions v
                WHERE NOT EXISTS (SELECT 1 FROM adapters WHERE id = v.adapter) GROUP BY adapter ORDER BY head
                """)
        // A store that was saved once before may have such names.
        let taken = Set(try String.fetchAll(database, sql: "SELECT name FROM adapters"))
        var names = (1...).lazy.map { "recovered-\($0)" }.filter { !taken.contains($0) }.makeIterator()
        for row in rows {
            guard let manifest = try? row.json("manifest", as: Manifest.self), let name = names.next() else { continue }
            try database.execute(
                sql: "INSERT INTO adapters (id, name, base, head, created) VALUES (?, ?, ?, ?, ?)",
                arguments: [
                    try row.value("adapter", as: AdapterID.self), name, manifest.base.id,
                    try row.value("head", as: Int64.self), Timestamp.milliseconds(now()),
                ])
        }
        try database.execute(
            sql: """
                INSERT INTO chats (seq, title, created) SELECT chat, 'recovered', MIN(created) FROM messages m
                WHERE NOT EXISTS (SELECT 1 FROM chats WHERE seq = m.chat) GROUP BY chat
                """)
    }
}
