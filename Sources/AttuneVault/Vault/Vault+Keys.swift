// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation

extension Vault {
    /// Sets a new passphrase. Only `vault.key` changes: whoever had the key of the store still has it.
    ///
    /// - Parameter cost: of one guess; 0.6 s and 256 MiB by default, spent twice here.
    /// - Throws: `VaultError` E-VAULT-006 (disk full; the old passphrase still holds), `CryptoError` E-KEY-006.
    package func changePassphrase(to passphrase: borrowing SecretBytes, cost: PassphraseCost = .moderate) throws {
        try requireWriting()
        let file = try keyFile().replacingPassphrase(new: passphrase, vaultKey: key, cost: cost)
        try replaceKeyFile(with: file) { written in
            guard try written.unlock(passphrase: passphrase).isEqual(to: self.key) else {
                throw VaultError.failed("the new key file does not open")
            }
        }
    }

    /// Sets new recovery words; the ones before stop working, or do so with `keepNewestRecoveryWords()`.
    ///
    /// - Parameter keepsEarlier: whether the store opens with both until then.
    /// - Throws: as `changePassphrase`.
    package func replaceRecoveryWords(_ words: borrowing RecoveryWords, keepsEarlier: Bool = false) throws {
        try requireWriting()
        let file = try keyFile().addingRecovery(words, vaultKey: key, keepsEarlier: keepsEarlier)
        try replaceKeyFile(with: file) { written in
            guard try written.unlock(recovery: words).isEqual(to: self.key) else {
                throw VaultError.failed("the new key file does not open")
            }
        }
    }

    /// Keeps the newest of the recovery words that open the store; those before stop working.
    ///
    /// - Throws: as `changePassphrase`.
    package func keepNewestRecoveryWords() throws {
        try requireWriting()
        let file = try keyFile()
        guard file.slots.count(where: { $0.kind == .recovery }) > 1 else { return }
        let kept = try file.keepingNewestRecovery(vaultKey: key)
        try replaceKeyFile(with: kept) { written in
            guard written == kept else { throw VaultError.failed("the new key file is not what was written") }
        }
    }

    /// Opens a store whose passphrase was lost and sets a new one.
    ///
    /// - Throws: as `open(at:recovery:)` and `changePassphrase`.
    package static func recover(
        at path: String, words: borrowing RecoveryWords, newPassphrase: borrowing SecretBytes,
        cost: PassphraseCost = .moderate, command: String = "attune", now: @escaping Clock = { Date() }
    ) throws -> Vault {
        let vault = try open(at: path, recovery: words, mode: .writing, command: command, now: now)
        try vault.changePassphrase(to: newPassphrase, cost: cost)
        return vault
    }

    /// The key file of a store, which says by which ways it opens; needs no key.
    ///
    /// - Throws: `VaultError` E-VAULT-001 (no store, exit 10), E-VAULT-004 (other format), E-VAULT-005 (it is missing).
    package static func keyFile(at path: String) throws -> VaultFile {
        guard exists(at: path) else { throw VaultError.noStore(path) }
        let folder = try StoreFolder(existing: path)
        guard let file = try StoreKeyFile.read(folder.keyFile) ?? StoreKeyFile.read(folder.oldKeyFile) else {
            throw VaultError.noKeyFile(folder)
        }
        return file
    }

    /// The mark knows of both key files while one takes the other's place, so that a crash leaves one that it knows.
    private func replaceKeyFile(with file: VaultFile, check: (VaultFile) throws -> Void) throws {
        let next = BLAKE2b.hash(file.encoded())
        try mark.update(durably: true) { $0.nextKeyFile = next }
        try StoreKeyFile.replace(folder, with: file, check: check)
        // Where this fails the next opening does it.
        try? mark.update(durably: true) {
            $0.keyFile = next
            $0.nextKeyFile = nil
        }
    }

    private func keyFile() throws -> VaultFile {
        guard let file = try StoreKeyFile.read(folder.keyFile) else { throw VaultError.noKeyFile(folder) }
        return file
    }
}
