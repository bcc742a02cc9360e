// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneVault
import Foundation

/// One change that the operation log of a store keeps.
package struct LoggedOperation: Sendable, Encodable {
    /// Grows with each operation; the order of the log.
    package let sequence: Int64
    package let time: Date
    /// Such as `rename` or `add-version`.
    package let kind: String
    /// One line such as `rename notes to diary`.
    package let description: String
    /// True once it was undone.
    package let isUndone: Bool
    /// True if it could be undone.
    package let canBeUndone: Bool

    private enum CodingKeys: String, CodingKey {
        case sequence, time, kind, description
        case isUndone = "undone"
    }

    fileprivate init(_ record: OperationRecord) {
        sequence = record.sequence
        time = record.time
        kind = record.kind.rawValue
        description = record.description
        isUndone = record.isUndone
        canBeUndone = record.canBeUndone
    }
}

/// The changes of a store, and how the last of them is taken back.
package struct OperationLog: Sendable {
    fileprivate let vault: Vault

    /// The newest `limit` operations, the latest first.
    package func list(limit: Int) throws -> [LoggedOperation] {
        try vault.journal.operations(limit: limit).map(LoggedOperation.init)
    }

    /// What `undo` takes back next, and what that moves to the trash; nil if there is nothing.
    package func next() throws -> (operation: LoggedOperation, trashes: String?)? {
        try vault.journal.nextUndo().map { (LoggedOperation($0.operation), $0.trashes) }
    }

    /// Takes the last operation back that was not undone yet and that can be; calling again goes further back.
    ///
    /// Nothing is erased: a version that is taken away lies in the trash.
    ///
    /// - Parameter expected: the operation that is meant; nil for whichever is the last.
    /// - Returns: the operation that was undone.
    /// - Throws: `VaultError` E-VAULT-034 (nothing left), E-VAULT-035 (something stands in the way, or another operation
    ///   is the last; nothing changed).
    package func undo(expecting expected: LoggedOperation?) throws -> LoggedOperation {
        LoggedOperation(try vault.journal.undo(expecting: expected?.sequence))
    }
}

extension Workspace {
    package var operations: OperationLog { OperationLog(vault: vault) }
}
