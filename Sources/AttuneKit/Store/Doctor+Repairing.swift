// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneVault
import Foundation

extension Doctor {
    /// Makes a new store at `target` of what opens of the store, which is only read.
    ///
    /// - Throws: `VaultError` as `Vault.salvage`; `KitError` E-STORE-002 if there is no store.
    package func repair(
        to target: String, key: KeySource, progress: (BackupProgress) -> Void
    ) throws -> SalvageReport {
        let store = paths.store.path
        guard paths.hasStore else { throw KitError.noStoreYet(store) }
        return try key.unlocking(vaultID: try Vault.keyFile(at: store).vaultID) {
            try Vault.salvage(from: store, passphrase: $0, to: target, progress: progress)
        }
    }
}

extension SalvageReport {
    /// The failure to end with if not everything could be saved; nil if everything was.
    ///
    /// - Parameter source: what it was saved from, such as `the backup`.
    /// - Returns: `VaultError` E-VAULT-012 (exit 3).
    package func shortfall(of source: String) -> (any AttuneError)? {
        isComplete ? nil : VaultError.savedInPart(source, to: store)
    }
}
