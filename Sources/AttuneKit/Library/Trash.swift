// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneVault
import Foundation

/// Something that was removed and can still be brought back.
package struct TrashedItem: Sendable, Encodable {
    package let kind: String
    /// What it was called: `notes`, `notes@3`, the run's id, the chat's title.
    package let name: String
    package let removed: Date
}

/// What was removed from a store in the last 30 days.
package struct Trash: Sendable {
    fileprivate let vault: Vault

    /// All that is in it, the oldest first.
    package func list() throws -> [TrashedItem] {
        try vault.trash.entries().map { TrashedItem(kind: $0.kind.rawValue, name: $0.name, removed: $0.trashed) }
    }

    /// Erases for good what has been in it for 30 days, or all of it.
    ///
    /// - Returns: the names of what was erased.
    package func empty(all: Bool) throws -> [String] {
        all ? try vault.trash.purge(olderThan: 0) : try vault.trash.purge()
    }
}

extension Workspace {
    package var trash: Trash { Trash(vault: vault) }
}
