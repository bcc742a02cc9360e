// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension VaultFile {
    /// Finds the vault key behind a passphrase.
    ///
    /// - Throws: `CryptoError` E-KEY-001 (wrong passphrase, exit status `wrongKey`), E-KEY-003 (right passphrase, but
    ///   the file was changed), E-KEY-006 (not enough memory).
    package func unlock(passphrase: borrowing SecretBytes) throws -> SecretBytes {
        for slot in slots {
            guard slot.kind == .passphrase, let cost = slot.cost else { continue }
            let slotKey = try PassphraseKDF.key(passphrase: passphrase, salt: slot.salt, cost: cost)
            guard slot.isCommitted(to: slotKey) else { continue }
            return try open(slot, with: slotKey)
        }
        throw CryptoError.wrongPassphrase
    }

    /// Finds the vault key behind recovery words.
    ///
    /// - Throws: `CryptoError` E-KEY-002 (other words, or none were set), E-KEY-003 (right words, but the file was
    ///   changed).
    package func unlock(recovery words: borrowing RecoveryWords) throws -> SecretBytes {
        let slotKey = words.subkey(id: 1)
        for slot in slots where slot.kind == .recovery && slot.isCommitted(to: slotKey) {
            return try open(slot, with: slotKey)
        }
        throw CryptoError.wrongRecoveryWords
    }

    private func open(_ slot: KeySlot, with slotKey: borrowing SecretBytes) throws -> SecretBytes {
        guard let vaultKey = slot.unwrap(with: slotKey, context: context) else { throw CryptoError.vaultFileDamaged }
        guard isAuthentic(under: vaultKey) else { throw CryptoError.vaultFileDamaged }
        return vaultKey
    }
}
