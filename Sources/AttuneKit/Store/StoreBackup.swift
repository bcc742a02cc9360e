// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneVault

/// A backup of a store, opened to be checked or to make a store of it; it is only read.
package struct StoreBackup: Sendable {
    private let backup: Backup
    /// The option with which it was opened, as a command has it.
    private let way: String

    /// Opens the backup at `path` with the passphrase that `key` finds.
    ///
    /// - Throws: `VaultError` E-BACKUP-001, E-BACKUP-004; `CryptoError` for a wrong passphrase; `KitError` E-KEY-030.
    package init(at path: String, key: KeySource) throws {
        way = ""
        do {
            backup = try key.unlocking(vaultID: try Backup.keyFile(at: path).vaultID) {
                try Backup.open(at: path, passphrase: $0)
            }
        } catch let error as CryptoError where error.kind == .wrongPassphrase {
            throw CryptoError(
                .wrongPassphrase, error.message,
                remedy: "Give the passphrase that the store had at its last backup: --key-file FILE; or use the "
                    + "recovery words: attune restore \(ShellWord.quoted(path)) --recovery")
        }
    }

    /// Opens the backup at `path` with the store's recovery words.
    ///
    /// - Throws: `VaultError` E-BACKUP-001, E-BACKUP-004; `CryptoError` E-KEY-002, and as `SecretSource.recoveryWords`.
    package init(at path: String, words: SecretSource) throws {
        way = " --recovery"
        // Says what is wrong with the path before anybody types 24 words.
        _ = try Backup.keyFile(at: path)
        backup = try Backup.open(at: path, recovery: try words.recoveryWords())
    }

    /// Says which passphrase and words open it, if it is not those of its newest state.
    package var remark: String? { backup.remark }

    /// Reads everything that the backup holds; damage does not end the check.
    package func verify(progress: (BackupProgress) -> Void) throws -> BackupVerification {
        try backup.verify(progress: progress)
    }

    /// Makes a store at `store` of a state of the backup; what is there is never touched.
    ///
    /// - Parameter state: the number of a state; nil for the newest.
    /// - Throws: `KitError` E-STORE-001 if there is a store; `VaultError` E-BACKUP-001 (no such state), E-BACKUP-004
    ///   (the state is damaged), E-VAULT-006, E-VAULT-008. Nothing is left at `store` then.
    package func restore(
        asStoreAt store: String, state: Int?, progress: (BackupProgress) -> Void
    ) throws -> RestoreReport {
        try requireRoom(for: store, state.map { " --state \($0)" } ?? "")
        return try backup.restore(to: store, state: state, progress: progress)
    }

    /// Makes a store at `store` of what is whole of a damaged state; what is there is never touched.
    ///
    /// - Parameter state: the number of a state; nil for the newest.
    /// - Throws: as `restore`; E-BACKUP-004 only if no page of the state's database opens.
    package func salvage(
        asStoreAt store: String, state: Int?, progress: (BackupProgress) -> Void
    ) throws -> SalvageReport {
        try requireRoom(for: store, (state.map { " --state \($0)" } ?? "") + " --damaged")
        return try backup.salvage(to: store, state: state, progress: progress)
    }

    private func requireRoom(for store: String, _ options: String) throws {
        guard !Vault.exists(at: store) else {
            throw KitError.storeInTheWay(store, of: backup.path, options: options + way)
        }
    }
}

extension Workspace {
    /// Copies the store as it is at one moment into the folder at `path`, or brings the backup there up to date.
    ///
    /// Others may use the store meanwhile, and write to it.
    ///
    /// - Parameters:
    ///   - keep: how many states are kept, at least 1; the newest ones.
    ///   - isQuick: true to read only a sixteenth of the chunks again that an earlier run has copied.
    ///   - acceptsOlder: true to add the store also if it does not go on from the newest state.
    /// - Throws: `VaultError` E-BACKUP-002, 003, 005, 006, 007, 008; E-VAULT-005 if the store has lost something that the
    ///   backup does not have either; E-VAULT-006 if the backup's disk is full. No state is added then.
    package func backUp(
        to path: String, keep: Int, isQuick: Bool, acceptsOlder: Bool, progress: (BackupProgress) -> Void
    ) throws -> BackupReport {
        var options = BackupOptions()
        options.keep = keep
        options.isQuick = isQuick
        options.acceptsOlder = acceptsOlder
        return try vault.backUp(to: path, options: options, progress: progress)
    }
}

extension KitError {
    /// `E-STORE-001`: a backup would be restored over a store.
    ///
    /// - Parameter options: those of the command behind the backup's path, such as ` --damaged`.
    static func storeInTheWay(_ store: String, of backup: String, options: String) -> KitError {
        let (store, backup) = (ShellWord.quoted(store), ShellWord.quoted(backup) + options)
        return KitError(
            .storeExists, "there is a store at \(store) already, and a restore replaces nothing",
            remedy: "Move it away: mv \(store) \(store).before && attune restore \(backup) --store \(store); "
                + "or restore beside it: attune restore \(backup) --store \(store).restored")
    }
}
