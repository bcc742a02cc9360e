// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

extension Vault {
    /// True if there is a store in the folder at `path`.
    package static func exists(at path: String) -> Bool { StoreFolder(resolved: path).holdsStore }

    /// Opens a store with its passphrase.
    ///
    /// - Parameters:
    ///   - command: name of the program and sub-command for the message another writer gets; never arguments.
    ///   - now: the clock of the records.
    /// - Throws: `VaultError` E-VAULT-001 (exit 10), E-VAULT-002 (11), E-VAULT-004 (other format), E-VAULT-005
    ///   (damaged), E-VAULT-009 (network disk); `CryptoError` E-KEY-001 (wrong passphrase, 12), E-KEY-003 (key file
    ///   changed).
    package static func open(
        at path: String, passphrase: borrowing SecretBytes, mode: Mode, command: String = "attune",
        now: @escaping Clock = { Date() }
    ) throws -> Vault {
        let folder = try existing(path)
        let lock = try lock(folder, mode, command)
        let unlocked = try StoreKeyFile.unlock(folder) { try $0.unlock(passphrase: passphrase) }
        return try open(folder, unlocked, lock: lock, mode: mode, now: now)
    }

    /// Opens a store with its recovery words; throws as `open(at:passphrase:)`, with E-KEY-002 for other words.
    package static func open(
        at path: String, recovery words: borrowing RecoveryWords, mode: Mode, command: String = "attune",
        now: @escaping Clock = { Date() }
    ) throws -> Vault {
        let folder = try existing(path)
        let lock = try lock(folder, mode, command)
        let unlocked = try StoreKeyFile.unlock(folder) { try $0.unlock(recovery: words) }
        return try open(folder, unlocked, lock: lock, mode: mode, now: now)
    }

    /// Opens a store with a key that `vaultKey()` gave out: what a process that keeps the store unlocked does.
    ///
    /// - Throws: as `open(at:passphrase:)`; E-VAULT-003 (12) if it is the key of another store.
    package static func open(
        at path: String, vaultKey: borrowing SecretBytes, mode: Mode, command: String = "attune",
        now: @escaping Clock = { Date() }
    ) throws -> Vault {
        let folder = try existing(path)
        let lock = try lock(folder, mode, command)
        do {
            return try open(folder, vaultKey: vaultKey.copy(), lock: lock, mode: mode, now: now)
        } catch let error as VaultError {
            guard let cause = error.cause as? DatabaseError, cause.resultCode == .SQLITE_NOTADB else { throw error }
            throw VaultError.wrongKey(cause)
        }
    }

    /// A copy of the key that opens this store without a passphrase; it stays in locked memory.
    package func vaultKey() -> SecretBytes { key.copy() }

    private static func existing(_ path: String) throws -> StoreFolder {
        let folder = try StoreFolder(existing: path)
        guard folder.holdsStore else { throw VaultError.noStore(path) }
        try folder.requireLocalDisk()
        return folder
    }

    private static func lock(_ folder: StoreFolder, _ mode: Mode, _ command: String) throws -> StoreLock {
        let lock = StoreLock(folder: folder, command: command)
        if mode == .writing { try lock.acquire() }
        return lock
    }

    private static func open(
        _ folder: StoreFolder, _ unlocked: consuming StoreKeyFile.Unlocked, lock: StoreLock, mode: Mode,
        now: @escaping Clock
    ) throws -> Vault {
        if mode == .writing {
            if unlocked.isOld { try StoreKeyFile.restoreOld(folder) } else { try StoreKeyFile.dropOld(folder) }
        }
        return try open(folder, vaultKey: unlocked.key.copy(), lock: lock, mode: mode, now: now)
    }

    /// Opens the database, brings it up to date, and as a writer clears away what a killed process left.
    static func open(
        _ folder: StoreFolder, vaultKey: consuming SecretBytes, lock: StoreLock, mode: Mode, now: @escaping Clock
    ) throws -> Vault {
        do {
            let sealed = try SealedDatabase(path: folder.database, vaultKey: vaultKey)
            guard access(folder.database, F_OK) == 0 else { throw VaultError.damaged("attune.db is missing") }
            if mode == .writing {
                chmod(folder.path, 0o700)
                chmod(folder.database, 0o600)
            }
            let wasStoppedEarly = Self.holdsLog(folder)
            let pool = try StoreDatabase.pool(path: folder.database, readonly: mode == .reading)
            let vault = Vault(
                folder: folder, database: pool, lock: lock, mode: mode, key: vaultKey, now: now, seal: sealed)
            if mode == .writing {
                try StoreDatabase.migrate(pool)
                if wasStoppedEarly { try vault.checkAfterEarlyStop() }
                vault.chunks.collectOrphans(needed: try vault.read { try StoredBlob.allChunks($0) })
            } else {
                try StoreDatabase.requireKnownFormat(pool)
                try vault.migrateForReading(pool)
            }
            return vault
        } catch let error as DatabaseError {
            throw VaultError.database(error) {
                // SQLite makes room for the index of its log before it uses it; only a lack of room makes that fail.
                error.extendedResultCode == .SQLITE_IOERR_SHMSIZE
                    || mode == .writing && DurableFile.isDiskFull(probing: folder.staging + "/probe")
            }
        }
    }

    /// An older layout is brought up to date by a short-lived writer, so that readers know one layout only.
    private func migrateForReading(_ reader: DatabasePool) throws {
        guard try !reader.read({ try StoreSchema.migrator.hasCompletedMigrations($0) }) else { return }
        try lock.acquire()
        defer { lock.release() }
        let writer = try StoreDatabase.pool(path: folder.database, readonly: false)
        try StoreDatabase.migrate(writer)
        try writer.close()
    }

    /// After a clean end the log is gone or empty.
    private static func holdsLog(_ folder: StoreFolder) -> Bool {
        var status = stat()
        return stat(folder.databaseLog, &status) == 0 && status.st_size > 0
    }

    private func checkAfterEarlyStop() throws {
        let lines = try read { try String.fetchAll($0, sql: "PRAGMA quick_check(1)") }
        if lines != ["ok"] { throw VaultError.damaged(lines.joined(separator: "; ")) }
    }
}
