// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation

/// Reads and replaces `vault.key`, never leaving the store without one that opens.
enum StoreKeyFile {
    /// The vault key, and the file it was found in.
    struct Unlocked: ~Copyable {
        let file: VaultFile
        let key: SecretBytes
        /// True if `vault.key` did not open and the one kept from before a change did.
        let isOld: Bool
    }

    static let sizeLimit = 1 << 16
    private static let magic = Array("ATVAULT1".utf8)

    /// Unlocks `vault.key`, or else the file kept from before a change that was cut off.
    ///
    /// - Throws: `VaultError` E-VAULT-001 (no store), E-VAULT-005 (none there), E-VAULT-004 (other format), or what
    ///   `unlock` throws.
    static func unlock(
        _ folder: StoreFolder, with unlock: (VaultFile) throws -> SecretBytes
    ) throws -> Unlocked {
        do {
            guard let file = try read(folder.keyFile) else { throw VaultError.noKeyFile(folder) }
            return Unlocked(file: file, key: try unlock(file), isOld: false)
        } catch {
            guard let old = try? read(folder.oldKeyFile), let key = try? unlock(old) else { throw error }
            return Unlocked(file: old, key: key, isOld: true)
        }
    }

    /// Reads one key file; nil if it is not there.
    ///
    /// - Throws: `VaultError` E-VAULT-004 if another version of Attune wrote it, `CryptoError` if it is damaged.
    static func read(_ path: String) throws -> VaultFile? {
        guard let bytes = try DurableFile.read(path, limit: sizeLimit) else { return nil }
        if bytes.count >= 12, bytes.starts(with: magic) {
            let version = bytes[8..<12].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            guard version == 1 else { throw VaultError.otherFormat(found: "\(version) (vault.key)", known: 1) }
        }
        return try bytes.withUnsafeBytes { try VaultFile(parsing: $0) }
    }

    /// Writes the key file of a new store.
    static func write(_ file: VaultFile, in folder: StoreFolder) throws {
        try file.encoded().withUnsafeBytes {
            try DurableFile.write($0, to: folder.keyFile, staging: folder.keyFile + ".tmp")
        }
        try DurableFile.syncFolder(folder.path)
    }

    /// Puts `file` in place of `vault.key`. The one before is kept beside it until `check` has opened the new one.
    static func replace(_ folder: StoreFolder, with file: VaultFile, check: (VaultFile) throws -> Void) throws {
        let staging = folder.keyFile + ".tmp"
        unlink(staging)
        unlink(folder.oldKeyFile)
        guard link(folder.keyFile, folder.oldKeyFile) == 0 else {
            throw VaultError.system("cannot write \(folder.oldKeyFile)", errno: errno)
        }
        do {
            try file.encoded().withUnsafeBytes { try DurableFile.write($0, to: folder.keyFile, staging: staging) }
            try DurableFile.syncFolder(folder.path)
            guard let written = try read(folder.keyFile) else { throw VaultError.noStore(folder.path) }
            try check(written)
        } catch {
            rename(folder.oldKeyFile, folder.keyFile)
            try? DurableFile.syncFolder(folder.path)
            throw error
        }
        try dropOld(folder)
    }

    /// Removes the file kept from before a change, whose passphrase must not open the store any longer.
    static func dropOld(_ folder: StoreFolder) throws {
        if unlink(folder.oldKeyFile) == 0 { try DurableFile.syncFolder(folder.path) }
    }

    /// Makes the file from before a change that was cut off the key file again.
    static func restoreOld(_ folder: StoreFolder) throws {
        guard rename(folder.oldKeyFile, folder.keyFile) == 0 else {
            throw VaultError.system("cannot write \(folder.keyFile)", errno: errno)
        }
        try DurableFile.syncFolder(folder.path)
    }
}

extension VaultError {
    /// Nothing but a copy of the file, or the whole store from a backup, opens what is there.
    static func noKeyFile(_ folder: StoreFolder) -> VaultError {
        guard access(folder.database, F_OK) == 0 else { return noStore(folder.path) }
        let place = ShellWord.quoted(folder.path + "/")
        return VaultError(
            .damaged, "the store is damaged: vault.key is missing, without which nothing opens",
            remedy: "Copy it from the newest state of a backup: cp BACKUP/states/N/vault.key \(place); "
                + "or restore the backup: attune restore BACKUP --store NEWPATH")
    }
}
