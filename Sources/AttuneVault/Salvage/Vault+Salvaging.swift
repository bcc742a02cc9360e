// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

extension Vault {
    /// Makes a new store at `target` of what opens of a damaged one; the damaged one is only read.
    ///
    /// Rows are taken from every page and every frame of the log that opens, and each version, checkpoint and arrival
    /// whose chunks are all there and right. The new store has the damaged one's key file and a database of its own.
    ///
    /// - Parameter target: nothing, or an empty folder outside of the damaged store.
    /// - Throws: `VaultError` E-VAULT-001 (no store), E-VAULT-002 (in use), E-VAULT-005 (no page opens), E-VAULT-008
    ///   (something is at `target`), E-VAULT-006 (disk full); `CryptoError` E-KEY-001. Nothing is left at `target` then.
    package static func salvage(
        from path: String, passphrase: borrowing SecretBytes, to target: String, now: @escaping Clock = { Date() },
        progress: (BackupProgress) -> Void = { _ in }
    ) throws -> SalvageReport {
        let source = try StoreFolder(existing: path)
        guard source.holdsStore else { throw VaultError.noStore(path) }
        let place = URL(filePath: target).standardizedFileURL.path
        guard !(place + "/").hasPrefix(source.path + "/") else {
            throw VaultError.occupied(target, reason: "it lies in the damaged store")
        }
        let held = try SourceHold(source)
        defer { withExtendedLifetime(held) {} }
        let unlocked = try StoreKeyFile.unlock(source) { try $0.unlock(passphrase: passphrase) }
        let key = unlocked.key.copy()
        let file = unlocked.file
        progress(BackupProgress(what: "opening pages", done: 0, total: 0))
        let pages = try SalvagedPages(source, vaultKey: key)
        var report = SalvageReport(store: place)
        try placeStore(at: target) { store in
            try StoreKeyFile.write(file, in: store)
            let salvage = StoreSalvage(source: source, store: store, pages: pages, now: now)
            report = try salvage.run(key: key, report, progress)
        }
        return report
    }

    /// Keeps others from writing to a damaged store, without writing into it.
    private struct SourceHold: ~Copyable {
        private let descriptor: Int32

        init(_ folder: StoreFolder) throws {
            descriptor = Foundation.open(folder.lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK else { return }
            Foundation.close(descriptor)
            throw VaultError.locked(folder.path, by: "another process")
        }

        deinit { if descriptor >= 0 { Foundation.close(descriptor) } }
    }
}

/// One run of `attune doctor --repair`: rows first, then chunks, then what does not hold together goes.
struct StoreSalvage {
    let source: StoreFolder
    let store: StoreFolder
    let pages: SalvagedPages
    let now: Vault.Clock

    /// Tables that have to be whole for the new store to go on as the same device.
    private static let circleTables: Set<String> = [
        "identity", "links", "entries", "entry_heads", "events", "event_parents", "settings",
    ]

    func run(
        key: borrowing SecretBytes, _ start: SalvageReport, _ progress: (BackupProgress) -> Void
    ) throws -> SalvageReport {
        var report = start
        report.pages = pages.count
        report.lostPages = pages.lost.sorted()
        report.stalePages = pages.stale.sorted()
        report.frames = pages.frames
        report.lostFrames = pages.lostFrames
        progress(BackupProgress(what: "reading rows", done: 0, total: 0))
        let circleIsWhole = try fill(key: key, &report)
        let needed = try copyChunks(key: key, progress)
        if circleIsWhole, let head = try DurableFile.read(source.ownHead, limit: 4096) {
            try head.withUnsafeBytes {
                try DurableFile.write($0, to: store.ownHead, staging: store.staging + "/own-head")
            }
        }
        let vault = try Vault.open(
            store, vaultKey: key.copy(), lock: StoreLock(folder: store, command: "attune doctor"), mode: .writing,
            now: now)
        if try vault.circleIdentity() != nil || !circleIsWhole {
            report.circle = circleIsWhole ? .kept : .left
            if !circleIsWhole { try vault.forgetCircle() }
        }
        try vault.settleSalvaged(&report, needed, progress)
        let check = try vault.verify()
        for problem in check.problems { report.lost.append(.init(subject: problem.subject, reason: problem.message)) }
        report.tables.removeAll { $0.rows == 0 && $0.lostPages == 0 && $0.lostRows == 0 }
        try vault.close()
        return report
    }

    /// Makes the database of all rows that are found; whether those of the circle are whole, or there is none.
    private func fill(key: borrowing SecretBytes, _ report: inout SalvageReport) throws -> Bool {
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
        try database.execute(
            sql: """
                DELETE FROM blobs WHERE NOT EXISTS (SELECT 1 FROM versions WHERE blob = blobs.id)
                    AND NOT EXISTS (SELECT 1 FROM runs WHERE checkpoint = blobs.id)
                    AND NOT EXISTS (SELECT 1 FROM received WHERE blob = blobs.id)
                """)
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
            struct Base: Decodable { let id: Digest256 }
            let base: Base
        }
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT adapter, manifest, MAX(seq) AS head FROM versions v
                WHERE NOT EXISTS (SELECT 1 FROM adapters WHERE id = v.adapter) GROUP BY adapter ORDER BY head
                """)
        for (position, row) in rows.enumerated() {
            guard let manifest = try? row.json("manifest", as: Manifest.self) else { continue }
            try database.execute(
                sql: "INSERT OR IGNORE INTO adapters (id, name, base, head, created) VALUES (?, ?, ?, ?, ?)",
                arguments: [
                    try row.value("adapter", as: Data.self), "recovered-\(position + 1)", manifest.base.id.data,
                    try row.value("head", as: Int64.self), Timestamp.milliseconds(now()),
                ])
        }
        try database.execute(
            sql: """
                INSERT INTO chats (seq, title, created) SELECT chat, 'recovered', MIN(created) FROM messages m
                WHERE NOT EXISTS (SELECT 1 FROM chats WHERE seq = m.chat) GROUP BY chat
                """)
    }

    /// The bytes of a chunk file that was set aside; nil if there is none, or it is not what its id says.
    private static func bytes(at path: String?, _ id: Digest256) -> [UInt8]? {
        guard let path, let bytes = try? DurableFile.read(path, limit: SealedChunk.byteCount), BLAKE2b.hash(bytes) == id
        else { return nil }
        return bytes
    }

    /// Copies the chunks that the database names and that are right; what is wrong with the others.
    private func copyChunks(
        key: borrowing SecretBytes, _ progress: (BackupProgress) -> Void
    ) throws -> [Digest256: String] {
        let ids = try BackupContents(of: store, key: key).chunks
        let (from, to) = (ChunkStore(folder: source), ChunkStore(folder: store))
        let setAside = Dictionary(from.lost().map { ($0.id, $0.path) }, uniquingKeysWith: { first, _ in first })
        var damage: [Digest256: String] = [:]
        for (position, id) in ids.enumerated() {
            do {
                let bytes = try from.bytes(id) ?? Self.bytes(at: setAside[id], id) ?? from.checkedBytes(id)
                try to.copy(id, bytes, staging: store.staging)
                try DurableFile.sync(store.chunk(id))
            } catch let error as VaultError where error.exitStatus == .invalidData {
                damage[id] = error.message.replacing("the store is damaged: ", with: "")
            }
            progress(BackupProgress(what: "copying chunks", done: position + 1, total: ids.count))
        }
        for name in BackupFolder.names(store.chunks) { try DurableFile.syncFolder("\(store.chunks)/\(name)") }
        try DurableFile.syncFolder(store.chunks)
        return damage
    }
}
