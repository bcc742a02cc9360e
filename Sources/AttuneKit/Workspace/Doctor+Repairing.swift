// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneVault
import Foundation

extension Doctor {
    /// Makes a new store at `target` of what opens of the store at `store`, which is only read.
    ///
    /// - Throws: `VaultError` as `Vault.salvage`; `KitError` E-STORE-002 if there is no store.
    package static func repair(
        store: String, key: KeySource, to target: String, progress: (BackupProgress) -> Void
    ) throws -> SalvageReport {
        guard Vault.exists(at: store) else { throw KitError.noStoreYet(store) }
        return try key.unlocking(vaultID: try Vault.keyFile(at: store).vaultID) {
            try Vault.salvage(from: store, passphrase: $0, to: target, progress: progress)
        }
    }
}
