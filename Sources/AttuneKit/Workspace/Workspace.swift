// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCrypto
import AttuneVault
import Foundation

/// An open store together with the bases of this machine: what every use case works on.
package final class Workspace: Sendable {
    /// What a command is going to do with the store.
    package enum Mode: Sendable {
        /// Any number of processes at a time, also while another one writes.
        case reading
        /// One process at a time.
        case writing
    }

    package let paths: Paths
    package let vault: Vault
    package let bases: BaseLibrary

    package init(paths: Paths, vault: Vault) {
        self.paths = paths
        self.vault = vault
        bases = BaseLibrary(folder: paths.bases)
    }

    /// Opens the store with the passphrase that `key` finds.
    ///
    /// - Parameters:
    ///   - accepting: true if the database is taken as it is, also if it is older than the store's newest change.
    ///   - freeing: true for changes that let go of what is stored, which a full disk must not keep from happening.
    /// - Throws: `VaultError` where there is no store or it is in use, `CryptoError` for a wrong passphrase.
    package static func open(
        _ paths: Paths, key: KeySource, mode: Mode, accepting: Bool = false, freeing: Bool = false
    ) throws -> Workspace {
        let path = paths.store.path
        let vault = try key.unlocking(vaultID: try Vault.keyFile(at: path).vaultID) {
            try Vault.open(
                at: path, passphrase: $0, mode: mode == .reading ? .reading : .writing, accepting: accepting,
                freeing: freeing)
        }
        let workspace = Workspace(paths: paths, vault: vault)
        try workspace.settleWords()
        return workspace
    }

    /// Lets other processes change the store while this one only waits, for a person or for the network.
    package func yieldStore() { vault.yieldLock() }

    /// Closes the store.
    ///
    /// - Throws: `VaultError`; what was stored is stored all the same.
    package func close() throws { try vault.close() }

    /// What lost nothing and still has to be said, once the store is closed.
    package var remarks: [any Error] { vault.remarks }
}
