// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import CSealedVFS
import Foundation
import GRDB
import Testing

@testable import AttuneVault

/// The same tables and settings on a database that is not sealed, to tell what sealing costs. For tests only.
struct PlainStore {
    let directory: TemporaryDirectory
    let pool: DatabasePool
    let vault: Vault

    init() throws {
        directory = try TemporaryDirectory()
        let folder = try StoreFolder(existing: directory.path)
        for path in [folder.chunks, folder.staging] { try DurableFile.makeFolder(path) }
        guard sealed_vfs_register() == 0, sealed_vfs_allow_plain(folder.database) == 0 else {
            throw VaultError.failed("no plain database")
        }
        pool = try StoreDatabase.pool(path: folder.database, readonly: false)
        try StoreDatabase.migrate(pool)
        let lock = StoreLock(folder: folder, command: "attune")
        try lock.acquire()
        vault = Vault(
            folder: folder, database: pool, lock: lock, mode: .writing, key: SecretBytes(random: 32),
            now: { Date() }, seal: nil)
    }
}

struct PlainStoreTests {
    @Test func theSameStepsGiveTheSameRowsSealedAndPlain() throws {
        let plain = try PlainStore()
        let sealed = try TestStore()
        for vault in [plain.vault, sealed.vault] {
            for index in 0..<20 {
                try vault.documents.put(name: "\(index)", text: String(repeating: "text \(index)", count: index * 50))
            }
            try vault.versions.add(to: "notes", base: TestStore.base, TestStore.version())
            try vault.adapters.rename("notes", to: "diary")
        }
        for sql in ["SELECT seq, digest, name, text, bytes FROM documents", "SELECT name FROM adapters"] {
            let rows = try plain.vault.read { try Row.fetchAll($0, sql: sql + " ORDER BY seq") }
            #expect(try sealed.vault.read { try Row.fetchAll($0, sql: sql + " ORDER BY seq") } == rows)
            #expect(!rows.isEmpty)
        }
        #expect(try plain.vault.verify().isWhole)
        #expect(try sealed.vault.verify().isWhole)
        let header = try FileHandle(forReadingFrom: URL(filePath: plain.vault.folder.database)).read(upToCount: 15)
        #expect(header == Data("SQLite format 3".utf8))
    }

    @Test func everyConnectionHasTheSettingsThatKeepTextOutOfPlainFiles() throws {
        let store = try TestStore()
        let expected = ["temp_store": 2, "trusted_schema": 0, "cell_size_check": 1, "foreign_keys": 1, "mmap_size": 0]
        for (pragma, value) in expected {
            let read = try store.vault.read { try Int.fetchOne($0, sql: "PRAGMA \(pragma)") ?? 0 }
            let written = try store.vault.write { try Int.fetchOne($0, sql: "PRAGMA \(pragma)") ?? 0 }
            #expect(read == value, "\(pragma)")
            #expect(written == value, "\(pragma)")
        }
        #expect(try store.vault.write { try Int.fetchOne($0, sql: "PRAGMA synchronous") } == 2)
        #expect(try store.vault.read { try String.fetchOne($0, sql: "PRAGMA journal_mode") } == "wal")
    }
}
