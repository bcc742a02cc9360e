// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import CSealedVFS
import GRDB
import Synchronization

/// The key of a sealed database, known to the file system layer for as long as the object lives.
///
/// Several objects of one process may share a path: the key goes with the last of them.
final class SealedDatabase: Sendable {
    /// How the connections to a database use its file.
    enum Use: Sendable {
        /// Beside other connections and processes.
        case shared
        /// By one connection that nobody else knows of, also on a file system that knows no locks.
        case alone
        /// For reading a file that nobody changes; nothing is written beside it.
        case fixed

        fileprivate var code: Int32 {
            switch self {
            case .shared: Int32(SEALED_SHARED)
            case .alone: Int32(SEALED_PRIVATE)
            case .fixed: Int32(SEALED_FIXED)
            }
        }
    }

    private static let users = Mutex<[String: Int]>([:])

    let path: String

    /// - Throws: `VaultError` E-VAULT-007 if the layer does not take the key.
    init(path: String, vaultKey: borrowing SecretBytes, use: Use = .shared) throws {
        self.path = path
        try Self.withRootKey(vaultKey) { root in
            try Self.users.withLock { users in
                try Self.check(sealed_vfs_register(), "the sealing layer cannot start")
                try Self.check(sealed_vfs_add(path, root), "the sealing layer does not take the key")
                try Self.check(sealed_vfs_set_use(path, use.code), "the sealing layer does not know the database")
                users[path, default: 0] += 1
            }
        }
    }

    deinit {
        Self.users.withLock { users in
            users[path, default: 1] -= 1
            guard users[path, default: 0] <= 0 else { return }
            users[path] = nil
            _ = sealed_vfs_remove(path)
        }
    }

    /// The first frame of the log that was damaged when it was last read, from 1, and how many there are; nil if none was.
    var logDamage: (frame: Int, frames: Int)? {
        var (frame, frames) = (UInt32(0), UInt32(0))
        guard sealed_vfs_log_damage(path, &frame, &frames) == 0, frame > 0 else { return nil }
        return (Int(frame), Int(frames))
    }

    /// Whether a connection of this process had to read frames of the log to know what is in it.
    var hasReadLog: Bool {
        var (frame, frames) = (UInt32(0), UInt32(0))
        return sealed_vfs_log_damage(path, &frame, &frames) != 0 || frames > 0
    }

    /// Brings an empty sealed database into being at a path where there is nothing.
    static func create(path: String, vaultKey: borrowing SecretBytes) throws {
        try withRootKey(vaultKey) { root in
            try check(sealed_vfs_register(), "the sealing layer cannot start")
            let code = sealed_vfs_create(path, root)
            if code != 0, DurableFile.isDiskFull(probing: path + ".probe") {
                throw VaultError.full("the database cannot be made")
            }
            try check(code, "the database cannot be made")
        }
    }

    /// Opens every page of a database that no connection of this process has open, and returns what does not open.
    ///
    /// If the first page does not open, nothing tells what the others are, and it alone is returned.
    ///
    /// - Throws: `VaultError` E-VAULT-005 if the file is empty, E-VAULT-007 if it cannot be read.
    static func examine(path: String, vaultKey: borrowing SecretBytes) throws -> (pages: Int, damaged: [Int]) {
        var damaged: [Int] = []
        var pages: UInt32 = 0
        try withRootKey(vaultKey) { root in
            try check(sealed_vfs_register(), "the sealing layer cannot start")
            let code = withUnsafeMutablePointer(to: &damaged) { list in
                sealed_vfs_verify_file(
                    path, root,
                    { list, page in
                        list?.assumingMemoryBound(to: [Int].self).pointee.append(Int(page))
                        return 0
                    }, list, &pages)
            }
            if damaged.isEmpty { try check(code, "the database cannot be read") }
        }
        return (Int(pages), damaged)
    }

    private static func withRootKey(
        _ vaultKey: borrowing SecretBytes, _ body: (UnsafePointer<UInt8>) throws -> Void
    ) throws {
        let root = KeyDerivation.subkey(of: vaultKey, id: 1, context: "ATdbroot")
        try root.withUnsafeBytes { bytes in
            guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else { return }
            try body(base)
        }
    }

    private static func check(_ code: Int32, _ what: String) throws {
        guard code != 0 else { return }
        throw VaultError.database(DatabaseError(resultCode: ResultCode(rawValue: code)), failing: what)
    }
}

/// Bytes of the parts of a database's log, as SQLite writes them around sealed pages.
enum SealedLog {
    static let header = 32
    static let frameHeader = 24
    /// A frame with its header.
    static let frame = frameHeader + Int(SEALED_PAGE_SIZE)
}
