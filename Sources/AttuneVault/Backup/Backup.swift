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
    /// The newest key file that opened.
    let keyFile: VaultFile
    let now: Vault.Clock

    private init(_ folder: BackupFolder, _ unlocked: borrowing StoreKeyFile.Unlocked, now: @escaping Vault.Clock) {
        self.folder = folder
        self.now = now
        key = unlocked.key.copy()
        keyFile = unlocked.file
    }

    /// Opens the backup at `path` with the passphrase that its store had when it was backed up.
    ///
    /// - Throws: `VaultError` E-BACKUP-001 (no backup), E-BACKUP-004 (no key file of it can be read); `CryptoError`
    ///   E-KEY-001 (wrong passphrase).
    package static func open(
        at path: String, passphrase: borrowing SecretBytes, now: @escaping Vault.Clock = { Date() }
    ) throws -> Backup {
        let folder = try BackupFolder(existing: path)
        return Backup(folder, try unlock(folder) { try $0.unlock(passphrase: passphrase) }, now: now)
    }

    /// Opens the backup at `path` with the store's recovery words; throws as `open(at:passphrase:)`, with E-KEY-002.
    package static func open(
        at path: String, recovery words: borrowing RecoveryWords, now: @escaping Vault.Clock = { Date() }
    ) throws -> Backup {
        let folder = try BackupFolder(existing: path)
        return Backup(folder, try unlock(folder) { try $0.unlock(recovery: words) }, now: now)
    }

    /// The key file of the newest state that has one, which says by which ways the backup opens; needs no key.
    ///
    /// - Throws: `VaultError` E-BACKUP-001, E-BACKUP-004.
    package static func keyFile(at path: String) throws -> VaultFile {
        let folder = try BackupFolder(existing: path)
        return try keyFiles(folder)[0]
    }

    /// The backup's folder.
    package var path: String { folder.path }

    /// The numbers of the states that are there, oldest first.
    package var states: [Int] { folder.numbers }

    /// Tries the key files of all states, the newest first: a passphrase may have changed between them.
    private static func unlock(
        _ folder: BackupFolder, with unlock: (VaultFile) throws -> SecretBytes
    ) throws -> StoreKeyFile.Unlocked {
        var first: (any Error)?
        for file in try keyFiles(folder) {
            do { return StoreKeyFile.Unlocked(file: file, key: try unlock(file), isOld: false) } catch {
                first = first ?? error
            }
        }
        throw first ?? VaultError.noBackup(folder.path)
    }

    /// Distinct key files, those of the vault that the marker names first, the newest first; at least one.
    private static func keyFiles(_ folder: BackupFolder) throws -> [VaultFile] {
        let numbers = folder.numbers
        guard !numbers.isEmpty else { throw VaultError.noBackup(folder.path) }
        let files = numbers.reversed().compactMap { try? StoreKeyFile.read(folder.state($0).keyFile) }
        guard !files.isEmpty else {
            throw VaultError.backupDamaged(
                "vault.key of no state can be read", remedy: "Make a new backup in another folder: attune backup PATH")
        }
        let marked = folder.markedVault
        let isOwn = { (file: VaultFile) in Hex.encode(file.vaultID) == marked }
        return (files.filter(isOwn) + files.filter { !isOwn($0) }).reduce(into: []) { distinct, file in
            if !distinct.contains(file) { distinct.append(file) }
        }
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
