// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneVault

/// What a store holds, in counts and bytes.
package struct StoreStatus: Sendable, Encodable {
    package let schema = 1
    /// Its folder.
    package let store: String
    /// Names of the bases of this machine.
    package let bases: [String]
    package let adapters: Int
    package let versions: Int
    package let documents: Int
    package let documentBytes: Int
    package let runs: Int
    package let chats: Int
    package let trashed: Int
    /// All that it takes on the disk.
    package let bytes: Int
    package let freeBytes: Int
    /// Of all chats.
    package let messages: Int
    /// Runs that can go on.
    package let interrupted: [RunID]

    private enum CodingKeys: CodingKey {
        case schema, store, bases, adapters, versions, documents, documentBytes, runs, chats, trashed, bytes, freeBytes
        case interrupted
    }
}

extension Workspace {
    /// What the store holds.
    package func status() throws -> StoreStatus {
        let numbers = try vault.statistics()
        return StoreStatus(
            store: vault.path, bases: try bases.list().map(\.name), adapters: numbers.adapters,
            versions: numbers.versions, documents: numbers.documents, documentBytes: numbers.documentBytes,
            runs: numbers.runs, chats: numbers.chats, trashed: numbers.trashed,
            bytes: numbers.databaseBytes + numbers.logBytes + numbers.chunkBytes, freeBytes: numbers.freeBytes,
            messages: numbers.messages, interrupted: try runs.interrupted())
    }

    /// Reads everything that the store holds and says what is not as it was stored; damage does not end the check.
    package func verify() throws -> VerificationReport { try vault.verify() }
}
