// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

extension Vault {
    /// Makes a new store at `target` of what opens of a damaged one; the damaged one is only read.
    ///
    /// Rows are taken from every page and every frame of the log that opens, and each version, checkpoint and arrival
    /// whose chunks are all there and right. The new store has the damaged one's key file and a database of its own.
    ///
    /// - Parameter target: nothing, or an empty folder outside of the damaged store.
    /// - Throws: `VaultError` E-VAULT-001 (no store), E-VAULT-002 (in use), E-VAULT-005 (no page opens), E-VAULT-008
    ///   (something is at `target`), E-VAULT-006 (disk full); `CryptoError` E-KEY-001. Nothing is left at `target` then.
    package static func salvage(
        from path: String, passphrase: borrowing SecretBytes, to target: String, now: @escaping Clock = { Date() },
        progress: (BackupProgress) -> Void = { _ in }
    ) throws -> SalvageReport {
        let source = try StoreFolder(existing: path)
        guard source.holdsStore else { throw VaultError.noStore(path) }
        if let reason = StoreFolder.surroundings(of: target) { throw VaultError.occupied(target, reason: reason) }
        let held = try SourceHold(source)
        defer { withExtendedLifetime(held) {} }
        let unlocked = try StoreKeyFile.unlock(source) { try $0.unlock(passphrase: passphrase) }
        let key = unlocked.key.copy()
        let file = unlocked.file
        progress(BackupProgress(what: "opening pages", done: 0, total: 0))
        let pages = try SalvagedPages(source, vaultKey: key)
        let salvage = StoreSalvage(source: source, pages: pages, keyFile: file, now: now)
        return try salvage.run(to: target, key: key, progress)
    }

    /// Keeps others from writing to a damaged store, without writing into it.
    private struct SourceHold: ~Copyable {
        private let descriptor: Int32

        init(_ folder: StoreFolder) throws {
            descriptor = Foundation.open(folder.lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK else { return }
            Foundation.close(descriptor)
            throw VaultError.locked(folder.path, by: "another process")
        }

        deinit { if descriptor >= 0 { Foundation.close(descriptor) } }
    }
}
