// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneVault
import Foundation

/// What opens a store, as everybody can see it who has its folder.
package struct StoreKeys: Sendable {
    /// The store's id, in hexadecimal digits.
    package let vault: String
    /// Such as `passphrase` and `recovery words`.
    package let kinds: [String]
    /// What a guess at each passphrase costs: passes over so many bytes.
    package let costs: [(passes: UInt64, bytes: UInt64)]
    /// Whether new recovery words were begun and not finished, so that the earlier ones hold too.
    package var hasEarlierWords: Bool { kinds.count { $0 == Self.words } > 1 }

    private static let words = "recovery words"

    /// - Throws: `VaultError` E-VAULT-001 if there is no store.
    package init(of paths: Paths) throws {
        let file = try Vault.keyFile(at: paths.store.path)
        vault = Hex.encode(file.vaultID)
        kinds = file.slots.map {
            switch $0.kind {
            case .passphrase: "passphrase"
            case .recovery: Self.words
            case .systemStore: "system"
            }
        }
        costs = file.slots.compactMap { slot in slot.cost.map { ($0.opslimit, $0.memlimit) } }
    }
}

extension Workspace {
    /// Gives the store another passphrase; nothing is encrypted again.
    ///
    /// - Returns: where the key file is now that was made for the store, if it held the old passphrase.
    package func changePassphrase(to new: borrowing SecretBytes, key: KeySource) throws -> String? {
        try vault.changePassphrase(to: new)
        return try Self.retireKeyFile(of: paths, after: new, key: key)
    }

    /// Opens a store with its recovery words and gives it a new passphrase.
    ///
    /// - Returns: as `changePassphrase`.
    package static func recover(
        _ paths: Paths, words: borrowing RecoveryWords, newPassphrase new: borrowing SecretBytes, key: KeySource
    ) throws -> String? {
        try Vault.recover(at: paths.store.path, words: words, newPassphrase: new).close()
        return try retireKeyFile(of: paths, after: new, key: key)
    }

    /// Puts the key file that `init` made for the store aside where its words are no longer the passphrase.
    private static func retireKeyFile(
        of paths: Paths, after new: borrowing SecretBytes, key: KeySource
    ) throws -> String? {
        try key.retireMade(vaultID: try Vault.keyFile(at: paths.store.path).vaultID, unless: new)
    }
}
