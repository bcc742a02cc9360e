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
    ///   - accepting: true if the database is taken as it is, also if it is older than the store's newest change.
    ///   - freeing: true for changes that let go of what is stored: on a full disk they get the room that the store keeps
    ///     for them.
    ///   - now: the clock of the records.
    /// - Throws: `VaultError` E-VAULT-001 (exit 10), E-VAULT-002 (11), E-VAULT-004 (other format), E-VAULT-005
    ///   (damaged, or not the newest that this store was), E-VAULT-009 (network disk), E-VAULT-013 (hard links); `CryptoError` E-KEY-001 (wrong passphrase, 12), E-KEY-003 (key file
    ///   changed).
    package static func open(
        at path: String, passphrase: borrowing SecretBytes, mode: Mode, command: String = "attune",
        accepting: Bool = false, freeing: Bool = false, now: @escaping Clock = { Date() }
    ) throws -> Vault {
        let folder = try existing(path)
        let lock = try lock(folder, mode, command)
        let unlocked = try StoreKeyFile.unlock(folder) { try $0.unlock(passphrase: passphrase) }
        if freeing, mode == .writing { StoreReserve.release(folder) }
        do {
            return try open(folder, unlocked, lock: lock, mode: mode, accepting: accepting, now: now)
        } catch let error as VaultError where error.kind == .full && freeing {
            throw VaultError.noRoomToFree(folder.path, cause: error)
        }
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
        try folder.requireOwnFiles()
        return folder
    }

    private static func lock(_ folder: StoreFolder, _ mode: Mode, _ command: String) throws -> StoreLock {
        let lock = StoreLock(folder: folder, command: command)
        if mode == .writing { try lock.acquire() }
        return lock
    }

    private static func open(
        _ folder: StoreFolder, _ unlocked: consuming StoreKeyFile.Unlocked, lock: StoreLock, mode: Mode,
        accepting: Bool = false, now: @escaping Clock
    ) throws -> Vault {
        if mode == .writing {
            if unlocked.isOld { try StoreKeyFile.restoreOld(folder) } else { try StoreKeyFile.dropOld(folder) }
        }
        return try open(
            folder, vaultKey: unlocked.key.copy(), lock: lock, mode: mode, now: now, accepting: accepting)
    }

    /// Opens the database if it is the store's newest, brings it up to date, and as a writer sets aside what nothing
    /// refers to any more.
    ///
    /// - Parameter accepting: true if a person takes the database as it is, also if it is older than the mark.
    static func open(
        _ folder: StoreFolder, vaultKey: consuming SecretBytes, lock: StoreLock, mode: Mode, now: @escaping Clock,
        accepting: Bool = false
    ) throws -> Vault {
        let sealed = try SealedDatabase(path: folder.database, vaultKey: vaultKey)
        do {
            try Self.requireFile(folder.database)
            let logBytes = DurableFile.size(folder.databaseLog)
            let wasStoppedEarly = logBytes > 0
            let mark = StoreMark(folder: folder, key: vaultKey)
            let reading = try mark.read()
            // Nothing is migrated, written or cleared away before this has passed.
            let examined = Result {
                try StoreDatabase.examine(path: folder.database) { database in
                    try StoreDatabase.requireKnownFormat(database)
                    if !accepting { try StoreDatabase.requireTables(database) }
                    if accepting { try StoreDatabase.requireSound(database) }
                    return try StorePosition.remembered(database)
                }
            }
            if wasStoppedEarly, (try? mark.compare(reading, with: examined.get())) == nil,
                Self.isNewestAlone(folder, vaultKey: vaultKey, mark, reading)
            {
                // An earlier log over a newer database would mix the two; it is kept, under another name.
                guard accepting, mode == .writing else { throw VaultError.strayLog }
                try DurableFile.move(folder.databaseLog, to: folder.databaseLog + ".earlier")
                return try open(folder, vaultKey: vaultKey, lock: lock, mode: mode, now: now, accepting: true)
            }
            // Another process that has the database open knows what is in the log, which is not read through then.
            let wasRecovered = wasStoppedEarly && (sealed.hasReadLog || logBytes < Self.shortestLog)
            let positions = try examined.get()
            if !accepting { try mark.compare(reading, with: positions) }
            if mode == .writing {
                chmod(folder.path, 0o700)
                chmod(folder.database, 0o600)
                try mark.settle(on: positions, found: reading, accepting: accepting)
            }
            let pool = try StoreDatabase.pool(path: folder.database, readonly: mode == .reading)
            let vault = Vault(
                folder: folder, database: pool, lock: lock, mode: mode, key: vaultKey, now: now, seal: sealed,
                clearsAway: !wasRecovered && !accepting && reading != .absent)
            if mode == .writing {
                try StoreDatabase.migrate(pool)
                // After a clean end the log is empty; what a killed process left there is looked at before it is built on.
                if wasStoppedEarly { try vault.read(StoreDatabase.requireSound) }
                vault.chunks.clearStaging()
                try vault.setOrphansAside()
            } else {
                try StoreDatabase.requireKnownFormat(pool)
                try vault.migrateForReading(pool, accepting: accepting)
            }
            return vault
        } catch let error as DatabaseError {
            if error.resultCode == .SQLITE_IOERR, let damage = sealed.logDamage {
                throw VaultError.damagedLog(frame: damage.frame, of: damage.frames)
            }
            if error.resultCode == .SQLITE_NOTADB { throw VaultError.foreignDatabase(error.answer()) }
            throw VaultError.database(error) {
                // SQLite makes room for the index of its log before it uses it; only a lack of room makes that fail.
                error.extendedResultCode == .SQLITE_IOERR_SHMSIZE
                    || mode == .writing && DurableFile.isDiskFull(probing: folder.staging + "/probe")
            }
        }
    }

    /// - Throws: `VaultError` E-VAULT-005 if there is no such file, or something that would be waited for.
    private static func requireFile(_ path: String) throws {
        var status = stat()
        guard stat(path, &status) == 0 else { throw VaultError.damaged("attune.db is missing") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw VaultError.damaged("attune.db is no file") }
    }

    /// Bytes of a log with one frame; a shorter one is not read at all.
    private static let shortestLog = SealedLog.header + SealedLog.frame

    /// True if the database without its log is the newest, so that the log is one of before.
    private static func isNewestAlone(
        _ folder: StoreFolder, vaultKey: borrowing SecretBytes, _ mark: StoreMark, _ reading: StoreMark.Reading
    ) -> Bool {
        // Without a mark nothing says what the newest is.
        guard case .content(let content) = reading, content.position != nil else { return false }
        let copy = folder.staging + "/alone.db"
        defer { for end in ["", "-wal", "-shm"] { unlink(copy + end) } }
        unlink(copy)
        do {
            try FileManager.default.copyItem(atPath: folder.database, toPath: copy)
            let sealed = try SealedDatabase(path: copy, vaultKey: vaultKey)
            defer { withExtendedLifetime(sealed) {} }
            try mark.compare(reading, with: try StoreDatabase.examine(path: copy) { try StorePosition.remembered($0) })
            return true
        } catch {
            return false
        }
    }

    /// An older layout is brought up to date by a short-lived writer, so that readers know one layout only.
    private func migrateForReading(_ reader: DatabasePool, accepting: Bool) throws {
        guard try !reader.read({ try StoreSchema.migrator.hasCompletedMigrations($0) }) else { return }
        // A look at what would be accepted writes nothing.
        guard !accepting else { throw VaultError.damaged("attune.db has the tables of an earlier Attune, or none") }
        try lock.acquire()
        defer { lock.release() }
        let writer = try StoreDatabase.pool(path: folder.database, readonly: false)
        try StoreDatabase.migrate(writer)
        try writer.writeWithoutTransaction { try StoreDatabase.emptyLog($0) }
        try writer.close()
    }

    /// Puts chunk files where they belong: those that are named in their place, the others aside.
    func setOrphansAside() throws {
        let needed = try read { try StoredBlob.allChunks($0) }
        chunks.bringBack(needed)
        guard clearsAway else { return }
        chunks.setAside(needed: needed, at: now())
        chunks.dropLost(at: now())
    }
}
