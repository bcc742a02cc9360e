// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCrypto
import AttuneVault
import Foundation

/// New recovery words, which nothing depends on yet.
package struct NewWords: ~Copyable, Sendable {
    let words = RecoveryWords.random()

    package init() {}

    /// The 24 words; each call makes new strings, which are not wiped.
    package var list: [String] { words.words }
}

extension Paths {
    /// Whether there is a store.
    package var hasStore: Bool { Vault.exists(at: store.path) }
}

extension Workspace {
    /// Makes a store, which opens with a passphrase and with recovery words.
    ///
    /// - Parameters:
    ///   - key: where the passphrase comes from; without one, random words become it and are kept in a key file.
    ///   - asks: whether a person may be asked for it, told so by `beforeAsking`.
    /// - Returns: also the path of the key file, if one was made.
    /// - Throws: `VaultError`, `CryptoError`; `KitError` E-KEY-031.
    package static func create(
        _ paths: Paths, words: borrowing NewWords, key: KeySource, asks: Bool, beforeAsking: () -> Void
    ) throws -> (workspace: Workspace, keyFile: String?) {
        let store = paths.store.path
        if let given = try key.newPassphrase(ask: asks, beforeAsking: beforeAsking) {
            let vault = try Vault.create(at: store, passphrase: given, recovery: words.words)
            return (Workspace(paths: paths, vault: vault), nil)
        }
        // The words are on the disk before there is anything that only they open.
        let made = KeySource.randomWords()
        let pending = try key.keepPending(made)
        do {
            let vault = try Vault.create(at: store, passphrase: made, recovery: words.words)
            let kept = try key.adopt(pending, vaultID: try Vault.keyFile(at: store).vaultID)
            return (Workspace(paths: paths, vault: vault), kept)
        } catch {
            if !Vault.exists(at: store) { unlink(pending) }
            throw error
        }
    }
}
