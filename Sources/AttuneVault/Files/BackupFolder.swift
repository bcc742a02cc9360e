// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation

/// Where each thing of a backup lies.
///
/// `states/7` is one state of the store: its database, its key file and what the manifest says of them. A state appears
/// by one rename, whole, and is never changed. All states share the chunk files in `chunks`, which are never changed
/// either. Format: schemas/backup.md.
struct BackupFolder: Sendable {
    /// Absolute, symbolic links resolved.
    let path: String

    /// Says to people and programs what the folder is; the writer's lock is on it.
    var marker: String { path + "/attune.backup" }
    var states: String { path + "/states" }
    var chunks: String { path + "/chunks" }
    /// Files being written, and states on their way out.
    var staging: String { path + "/tmp" }

    /// - Throws: `VaultError` E-BACKUP-001 if there is no backup at `path`.
    init(existing path: String) throws {
        guard let resolved = realpath(path, nil) else { throw VaultError.noBackup(path) }
        defer { free(resolved) }
        self.init(resolved: String(cString: resolved))
        guard isBackup else { throw VaultError.noBackup(path) }
    }

    init(resolved path: String) { self.path = path }

    /// A higher number is none of ours.
    static let lastNumber = 1 << 40

    /// The numbers of the states that are there, oldest first.
    var numbers: [Int] {
        Self.names(states).compactMap { name in
            Int(name).flatMap { (1...Self.lastNumber).contains($0) && "\($0)" == name ? $0 : nil }
        }.sorted()
    }

    /// The files of a state, as those of a store whose chunks lie elsewhere.
    func state(_ number: Int) -> StoreFolder { StoreFolder(resolved: "\(states)/\(number)", chunks: chunks) }

    /// Whether there is a backup, also one whose marker is lost or whose first state is not there yet.
    var isBackup: Bool { access(marker, F_OK) == 0 || !numbers.isEmpty }

    /// Whether the system lets us write into the folder and those below it that are there.
    var isWritable: Bool {
        let folders = [path, states, staging, chunks] + Self.names(chunks).map { "\(chunks)/\($0)" }
        return folders.allSatisfy { access($0, W_OK | X_OK) == 0 || errno == ENOENT }
    }

    /// A folder of the backup that is a link, so that what is dropped here would be dropped elsewhere; nil if none is.
    var link: String? {
        let below = [states, chunks].flatMap { folder in Self.names(folder).map { "\(folder)/\($0)" } }
        return ([states, chunks, staging] + below).first { path in
            var status = stat()
            return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
        }
    }

    /// The id of the vault that the marker names, 32 hexadecimal digits; nil if it names none.
    var markedVault: String? {
        let text = String(decoding: (try? DurableFile.read(marker, limit: 4096)) ?? [], as: UTF8.self)
        return (text.firstMatch(of: /(?m)^vault ([0-9a-f]{32})$/)?.output.1).map(String.init)
    }

    /// What the marker says in the backup of this vault.
    static func markerText(vault: [UInt8]) -> String {
        """
        attune-backup 1
        vault \(Hex.encode(vault))

        This folder is a sealed backup of a store of Attune. Leave its files as they are.
        attune backup --verify checks it, attune restore makes a store of it.

        """
    }

    /// The names in a folder; none if there is no folder.
    static func names(_ path: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    }
}

extension BackupFolder {
    /// Finds the folder to back up into, or makes it.
    ///
    /// - Throws: `VaultError` E-BACKUP-002 if it lies in the store, or holds anything but a backup.
    static func prepare(_ path: String, for store: StoreFolder) throws -> BackupFolder {
        guard !(StoreFolder.place(of: path) + "/").hasPrefix(store.path + "/") else {
            throw VaultError.cannotBackUp(to: path, "it lies in the store itself")
        }
        if let reason = StoreFolder.surroundings(of: path) { throw VaultError.cannotBackUp(to: path, reason) }
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw VaultError.cannotBackUp(to: path, "the folder cannot be made", cause: error)
        }
        guard let resolved = realpath(path, nil) else { throw VaultError.system("cannot open \(path)", errno: errno) }
        defer { free(resolved) }
        let folder = BackupFolder(resolved: String(cString: resolved))
        guard folder.isBackup || names(folder.path).isEmpty else {
            throw VaultError.cannotBackUp(to: path, "the folder holds other files")
        }
        return folder
    }

    /// Takes the lock of the one process that writes to the backup, for as long as the result lives.
    ///
    /// - Throws: `VaultError` E-BACKUP-005 if another process backs up into the folder.
    func lock() throws -> Lock { try Lock(marker) }

    /// Keeps others from writing to the backup, for as long as the result lives: what is read must not go meanwhile.
    ///
    /// - Returns: nil for a backup without the file that locks are on, which the next backup writes again.
    /// - Throws: `VaultError` E-BACKUP-005 if another process backs up into the folder.
    func lockForReading() throws -> Lock? {
        let descriptor = open(marker, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        return try descriptor >= 0 ? Lock(descriptor, LOCK_SH, marker) : nil
    }

    /// The right to write to a backup, or to read it while nobody does. A file system that knows no locks gives it to
    /// everybody.
    final class Lock: Sendable {
        private let descriptor: Int32

        fileprivate convenience init(_ path: String) throws {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { throw VaultError.system("cannot open \(path)", errno: errno) }
            try self.init(descriptor, LOCK_EX, path)
        }

        fileprivate init(_ descriptor: Int32, _ kind: Int32, _ path: String) throws {
            if flock(descriptor, kind | LOCK_NB) != 0, errno == EWOULDBLOCK {
                close(descriptor)
                throw VaultError.backupInUse(path)
            }
            self.descriptor = descriptor
        }

        deinit { close(descriptor) }
    }
}
