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
    private static let users = Mutex<[String: Int]>([:])

    let path: String

    /// - Throws: `VaultError` E-VAULT-007 if the layer does not take the key.
    init(path: String, vaultKey: borrowing SecretBytes) throws {
        self.path = path
        try Self.withRootKey(vaultKey) { root in
            try Self.users.withLock { users in
                try Self.check(sealed_vfs_register(), "the sealing layer cannot start")
                try Self.check(sealed_vfs_add(path, root), "the sealing layer does not take the key")
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

    /// Brings an empty sealed database into being at a path where there is nothing.
    static func create(path: String, vaultKey: borrowing SecretBytes) throws {
        try withRootKey(vaultKey) { root in
            try check(sealed_vfs_register(), "the sealing layer cannot start")
            try check(sealed_vfs_create(path, root), "the database cannot be made")
        }
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
        throw VaultError.database(DatabaseError(resultCode: ResultCode(rawValue: code), message: what))
    }
}
