// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

/// Where each thing of one store lies; the folder itself is mode 0700.
struct StoreFolder: Sendable {
    /// Absolute, symbolic links resolved: SQLite names its files by the resolved path.
    let path: String
    /// Sealed chunks, in sub-folders named by the first two digits of their ids.
    let chunks: String

    var keyFile: String { path + "/vault.key" }
    /// The key file before a change, kept until the changed one was opened.
    var oldKeyFile: String { path + "/vault.key.old" }
    var database: String { path + "/attune.db" }
    /// The newest changes of the database; empty after a clean end.
    var databaseLog: String { path + "/attune.db-wal" }
    /// Which change of the database was the newest.
    var mark: String { path + "/attune.mark" }
    /// Chunks that nothing refers to, in folders named by the day on which they were set aside.
    var lost: String { chunks + "/.lost" }
    /// The newest entry that this device published.
    var ownHead: String { path + "/own.head" }
    /// Room for changes that let go of what is stored.
    var reserve: String { path + "/reserve" }
    var lock: String { path + "/lock" }
    /// Files being written; whatever is left here is a fragment.
    var staging: String { path + "/tmp" }

    /// - Parameter chunks: where the chunks lie; nil for a store's own place.
    init(resolved path: String, chunks: String? = nil) {
        self.path = path
        self.chunks = chunks ?? path + "/chunks"
    }

    /// Finds an existing folder.
    ///
    /// - Throws: `VaultError` E-VAULT-001 if there is none.
    init(existing path: String) throws {
        guard let resolved = realpath(path, nil) else { throw VaultError.noStore(path) }
        defer { free(resolved) }
        self.init(resolved: String(cString: resolved))
    }

    func chunk(_ id: ChunkID) -> String {
        let name = id.description
        return "\(chunks)/\(name.prefix(2))/\(name)"
    }

    /// True if a key file is there, or a database that has lost it.
    var holdsStore: Bool { [keyFile, oldKeyFile, database].contains { (path: String) in access(path, F_OK) == 0 } }

    /// Says in which backup or store a path lies, whose next command may remove what is there; nil if in none.
    static func surroundings(of path: String) -> String? {
        var url = URL(filePath: place(of: path))
        var store: String?
        while url.path != "/" {
            url.deleteLastPathComponent()
            if BackupFolder(resolved: url.path).isBackup { return "it lies in the backup \(url.path)" }
            if StoreFolder(resolved: url.path).holdsStore { store = store ?? "it lies in the store \(url.path)" }
        }
        return store
    }

    /// Where a folder would lie, symbolic links resolved as far as there is something.
    static func place(of path: String) -> String {
        var missing: [String] = []
        var url = URL(filePath: path).standardizedFileURL
        while url.path != "/" {
            if let resolved = realpath(url.path, nil) {
                defer { free(resolved) }
                return ([String(cString: resolved)] + missing.reversed()).joined(separator: "/")
            }
            missing.append(url.lastPathComponent)
            url.deleteLastPathComponent()
        }
        return "/" + missing.reversed().joined(separator: "/")
    }

    /// Refuses file systems on which locks of several machines do not meet.
    ///
    /// - Throws: `VaultError` E-VAULT-009.
    func requireLocalDisk() throws {
        var status = stat()
        guard stat(path, &status) == 0 else { throw VaultError.system("cannot examine \(path)", errno: errno) }
        let mounts = (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? ""
        if Self.isNetwork(device: status.st_dev, mounts: mounts) { throw VaultError.networkFolder(path) }
    }

    /// Refuses a store of which a file that is written in place lies in another folder too, as `cp -al` makes it.
    ///
    /// All other files are put in place whole or never change, so that links of them do no harm.
    ///
    /// - Throws: `VaultError` E-VAULT-013.
    func requireOwnFiles() throws {
        for file in [database, databaseLog, mark] {
            var status = stat()
            guard lstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_nlink > 1 else { continue }
            throw VaultError.linked(URL(filePath: file).lastPathComponent, of: path)
        }
    }

    /// Looks a device up in the text of `/proc/self/mountinfo`; what is not listed counts as local.
    static func isNetwork(device: dev_t, mounts: String) -> Bool {
        let major = (device >> 8) & 0xFFF | (device >> 32) & ~0xFFF
        let minor = device & 0xFF | (device >> 12) & ~0xFF
        // id, parent, MAJOR:MINOR, ... - TYPE source options
        return mounts.split(separator: "\n").contains { line in
            let fields = line.split(separator: " ")
            guard fields.count > 2, fields[2] == "\(major):\(minor)", let dash = fields.firstIndex(of: "-"),
                dash + 1 < fields.count
            else { return false }
            return ["nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs"].contains(fields[dash + 1])
        }
    }
}
