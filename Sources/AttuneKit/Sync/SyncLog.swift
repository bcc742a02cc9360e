// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneVault
import Foundation

/// One line of what sync did and noticed.
package struct SyncLogEntry: Sendable, Encodable {
    package let time: Date
    /// `info`, `warning` or `alarm`.
    package let level: String
    /// The remote it is about; empty if it is about none.
    package let remote: String
    package let text: String
}

extension Workspace {
    /// The newest lines of the sync log, the oldest of them first.
    ///
    /// - Parameter count: at least one; never more than are kept.
    package func syncLog(last count: Int) throws -> [SyncLogEntry] {
        try vault.syncLog.newest(limit: min(max(count, 1), SyncLogTable.lines)).map {
            SyncLogEntry(time: $0.time, level: $0.level, remote: $0.remote, text: $0.text)
        }
    }
}
