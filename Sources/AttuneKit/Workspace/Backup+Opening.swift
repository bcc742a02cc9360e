// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneVault
import Foundation

extension Backup {
    /// Opens the backup at `path` with the passphrase that `key` finds.
    ///
    /// - Throws: `VaultError` E-BACKUP-001, E-BACKUP-004; `CryptoError` for a wrong passphrase; `KitError` E-KEY-030.
    package static func open(at path: String, key: KeySource) throws -> Backup {
        try key.unlocking(vaultID: try keyFile(at: path).vaultID) { try open(at: path, passphrase: $0) }
    }

    /// Makes a store at `store` of a state of the backup; what is there is never touched.
    ///
    /// - Throws: `KitError` E-STORE-001 if there is a store; else as `restore(to:state:progress:)`.
    @discardableResult
    package func restore(
        asStoreAt store: String, state: Int?, progress: (BackupProgress) -> Void
    ) throws -> RestoreReport {
        guard !Vault.exists(at: store) else { throw KitError.storeInTheWay(store, of: path) }
        return try restore(to: store, state: state, progress: progress)
    }

    /// Makes a store at `store` of what is whole of a damaged state; what is there is never touched.
    ///
    /// - Throws: `KitError` E-STORE-001 if there is a store; else as `salvage(to:state:progress:)`.
    package func salvage(
        asStoreAt store: String, state: Int?, progress: (BackupProgress) -> Void
    ) throws -> SalvageReport {
        guard !Vault.exists(at: store) else { throw KitError.storeInTheWay(store, of: path) }
        return try salvage(to: store, state: state, progress: progress)
    }
}

extension KitError {
    /// `E-STORE-001`: a backup would be restored over a store.
    package static func storeInTheWay(_ store: String, of backup: String) -> KitError {
        let (store, backup) = (VaultError.quoted(store), VaultError.quoted(backup))
        return KitError(
            .storeExists, "there is a store at \(store) already, and a restore replaces nothing",
            remedy: "Move it away: mv \(store) \(store).before && attune restore \(backup) --store \(store); "
                + "or restore beside it: attune restore \(backup) --store \(store).restored")
    }
}
