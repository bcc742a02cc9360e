// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// A backup that was opened with a passphrase or recovery words of its store; it is only read.
package final class Backup: Sendable {
    let folder: BackupFolder
    let key: SecretBytes
    /// The newest key file, which opened; what is restored opens with it too, of whichever state.
    let keyFile: VaultFile
    /// Says of which state the passphrase and the words are, if the newest key file cannot be read; else nil.
    package let remark: String?
    let now: Vault.Clock
    /// Held while this is: a backup that goes on meanwhile would take states away that are being read.
    private let lock: BackupFolder.Lock?

    private init(
        _ folder: BackupFolder, _ now: @escaping Vault.Clock, unlock: (VaultFile) throws -> SecretBytes
    ) throws {
        lock = try folder.lockForReading()
        let newest = try Self.newestKeyFile(folder)
        self.folder = folder
        self.now = now
        keyFile = newest.file
        key = try unlock(newest.file)
        let isOlder = newest.state != folder.numbers.last
        remark =
            isOlder
            ? "vault.key of the newest state cannot be read; what opens the backup is what opened state \(newest.state)"
            : nil
    }

    /// Opens the backup at `path` with the passphrase that its store had when it was last backed up.
    ///
    /// - Throws: `VaultError` E-BACKUP-001 (no backup), E-BACKUP-004 (no key file of it can be read), E-BACKUP-005 (it
    ///   is being written to); `CryptoError` E-KEY-001 (wrong passphrase).
    package static func open(
        at path: String, passphrase: borrowing SecretBytes, now: @escaping Vault.Clock = { Date() }
    ) throws -> Backup {
        try Backup(BackupFolder(existing: path), now) { try $0.unlock(passphrase: passphrase) }
    }

    /// Opens the backup at `path` with the store's recovery words; throws as `open(at:passphrase:)`, with E-KEY-002.
    package static func open(
        at path: String, recovery words: borrowing RecoveryWords, now: @escaping Vault.Clock = { Date() }
    ) throws -> Backup {
        try Backup(BackupFolder(existing: path), now) { try $0.unlock(recovery: words) }
    }

    /// The newest key file, which says by which ways the backup opens; needs no key.
    ///
    /// - Throws: `VaultError` E-BACKUP-001, E-BACKUP-004.
    package static func keyFile(at path: String) throws -> VaultFile {
        try newestKeyFile(BackupFolder(existing: path)).file
    }

    /// The backup's folder.
    package var path: String { folder.path }

    /// The numbers of the states that are there, oldest first.
    package var states: [Int] { folder.numbers }

    /// The newest key file of the vault that the marker names, and the state it lies in.
    ///
    /// One of an earlier state opens with what opened the store before, so it stands in only for one that is damaged.
    private static func newestKeyFile(_ folder: BackupFolder) throws -> (file: VaultFile, state: Int) {
        let numbers = folder.numbers
        guard !numbers.isEmpty else { throw VaultError.noBackup(folder.path) }
        // A later backup puts its key file into the states before it, so what a later manifest names is right too.
        var named: Set<Digest256> = []
        var found: [(file: VaultFile, state: Int, isChanged: Bool)] = []
        for number in numbers.reversed() {
            let state = folder.state(number)
            let manifest = BackupManifest.unchecked(state)
            if let digest = manifest?.keyFile { named.insert(digest) }
            guard let file = try? StoreKeyFile.read(state.keyFile) else { continue }
            let isChanged = manifest != nil && !named.contains(BLAKE2b.hash(file.encoded()))
            found.append((file, number, isChanged))
        }
        let marked = folder.markedVault
        let own = found.filter { Hex.encode($0.file.vaultID) == marked }
        let candidates = own.isEmpty ? found : own
        guard let newest = candidates.first(where: { !$0.isChanged }) ?? candidates.first else {
            throw VaultError.backupDamaged(
                "vault.key of no state can be read", remedy: "Make a new backup in another folder: attune backup PATH")
        }
        return (newest.file, newest.state)
    }

    /// The state with this number, or the newest one.
    ///
    /// - Throws: `VaultError` E-BACKUP-001.
    func number(_ wanted: Int?) throws -> Int {
        let numbers = folder.numbers
        guard let number = wanted ?? numbers.last else { throw VaultError.noBackup(folder.path) }
        guard numbers.contains(number) else { throw VaultError.noState(number, there: numbers, in: folder.path) }
        return number
    }

    /// Opens the database of a state as a store that is only read.
    func vault(_ number: Int) throws -> Vault {
        let state = folder.state(number)
        do {
            let seal = try SealedDatabase(path: state.database, vaultKey: key, use: .fixed)
            let queue = try DatabaseQueue(
                path: state.database, configuration: StoreDatabase.configuration(readonly: true))
            return Vault(
                folder: state, database: queue, lock: StoreLock(folder: state, command: "attune backup"),
                mode: .reading, key: key.copy(), now: now, seal: seal)
        } catch let error as DatabaseError {
            throw VaultError.database(error)
        }
    }
}

extension BackupFolder {
    /// The chunk files of the backup.
    var chunkStore: ChunkStore { ChunkStore(folder: StoreFolder(resolved: path)) }
}
