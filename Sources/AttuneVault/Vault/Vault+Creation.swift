// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

extension Vault {
    /// Makes a new store and opens it for writing.
    ///
    /// It is put together in a folder beside `path` and renamed, so it appears whole or not at all.
    ///
    /// - Parameters:
    ///   - path: nothing, or an empty folder; folders above it are made.
    ///   - recovery: the words that open the store when the passphrase is lost.
    ///   - cost: of one guess of the passphrase; 0.6 s and 256 MiB by default.
    /// - Throws: `VaultError` E-VAULT-008 (something is there already, exit 6), E-VAULT-006 (disk full),
    ///   E-VAULT-009 (network disk); `CryptoError` E-KEY-006 (not enough memory for `cost`).
    package static func create(
        at path: String, passphrase: borrowing SecretBytes, recovery: borrowing RecoveryWords,
        cost: PassphraseCost = .moderate, command: String = "attune", now: @escaping Clock = { Date() }
    ) throws -> Vault {
        let key = SecretBytes(random: 32)
        try placeStore(at: path) {
            try assemble($0, key: key, passphrase: passphrase, recovery: recovery, cost: cost, now: now)
        }
        let place = URL(filePath: path).standardizedFileURL.path
        return try open(at: place, vaultKey: key, mode: .writing, command: command, now: now)
    }

    /// Puts a store together in a folder beside `path` and renames it, so that it appears whole or not at all.
    ///
    /// - Parameters:
    ///   - path: nothing, or an empty folder, outside of stores and backups; folders above it are made.
    ///   - assemble: fills the folder, which has empty folders for chunks and staging.
    /// - Throws: `VaultError` E-VAULT-008 (something is there already, exit 6), E-VAULT-006 (disk full),
    ///   E-VAULT-009 (network disk), and what `assemble` throws; nothing is left then.
    static func placeStore(at path: String, _ assemble: (StoreFolder) throws -> Void) throws {
        guard !exists(at: path) else { throw VaultError.occupied(path, reason: "there is a store already") }
        if let reason = StoreFolder.surroundings(of: path) { throw VaultError.occupied(path, reason: reason) }
        let target = URL(filePath: path).standardizedFileURL
        let parent = target.deletingLastPathComponent()
        do {
            try FileManager.default.createDirectory(
                at: parent, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw VaultError.failed("cannot make the folder \(parent.path)", cause: error)
        }
        try StoreFolder(existing: parent.path).requireLocalDisk()
        removeAbandoned(beside: target)
        let staging = "\(target.path).new-\(getpid())-\(Hex.encode(ChunkStore.randomID()))"
        do {
            try DurableFile.makeFolder(staging)
            let folder = try StoreFolder(existing: staging)
            try DurableFile.makeFolder(folder.chunks)
            try DurableFile.makeFolder(folder.staging)
            try assemble(folder)
            // Replaces an empty folder and refuses any other.
            guard Foundation.rename(staging, target.path) == 0 else {
                let code = errno
                guard code == ENOTEMPTY || code == EEXIST || code == ENOTDIR else {
                    throw VaultError.system("cannot make \(path)", errno: code)
                }
                throw VaultError.occupied(path, reason: "the folder holds other files")
            }
        } catch {
            try? FileManager.default.removeItem(atPath: staging)
            if let full = error as? VaultError, full.kind == .full { throw VaultError.noRoom(at: path, full) }
            throw error
        }
        try DurableFile.syncFolder(parent.path)
    }

    /// Removes what a process that was killed had put together beside `target`: `store.new-4711-…`.
    private static func removeAbandoned(beside target: URL) {
        let parent = target.deletingLastPathComponent()
        let prefix = target.lastPathComponent + ".new-"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? []
        for name in names where name.hasPrefix(prefix) {
            // Only names that this program gives, to the last digit: a folder of the person may begin alike.
            let parts = name.dropFirst(prefix.count).split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 2, let process = pid_t(parts[0]), parts[1].utf8.count == 32,
                Hex.decode(String(parts[1])) != nil, process > 0, process != getpid(), kill(process, 0) != 0,
                errno == ESRCH
            else { continue }
            try? FileManager.default.removeItem(at: parent.appending(path: name))
        }
    }

    private static func assemble(
        _ folder: StoreFolder, key: borrowing SecretBytes, passphrase: borrowing SecretBytes,
        recovery: borrowing RecoveryWords, cost: PassphraseCost, now: @escaping Clock
    ) throws {
        let file = try VaultFile.create(vaultKey: key, passphrase: passphrase, cost: cost)
            .addingRecovery(recovery, vaultKey: key)
        try SealedDatabase.create(path: folder.database, vaultKey: key)
        let lock = StoreLock(folder: folder, command: "attune init")
        try lock.acquire()
        try StoreKeyFile.write(file, in: folder)
        try open(folder, vaultKey: key.copy(), lock: lock, mode: .writing, now: now, accepting: true).close()
    }
}
