// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// How a backup is made.
package struct BackupOptions: Sendable {
    /// How many states are kept, at least 1; the newest ones.
    package var keep = 2
    /// Reads again only a sixteenth of the chunks that an earlier run has copied, another one each time.
    package var isQuick = false

    package init() {}
}

/// What a run of `attune backup` did.
package struct BackupReport: Sendable, Equatable {
    /// The backup's folder.
    package let path: String
    /// The number of the state that was added.
    package let state: Int
    package let databaseBytes: Int
    /// Distinct chunks that the state needs, and their bytes.
    package let chunks: Int
    package let chunkBytes: Int
    /// Chunks that were copied now, and their bytes.
    package let chunksCopied: Int
    package let bytesCopied: Int
    /// Chunks among them in place of damaged ones, which were set aside.
    package let chunksMended: Int
    /// The numbers of the states that are there now.
    package let states: [Int]
    /// Chunks that no state needed any longer and that were removed.
    package let chunksDropped: Int
    /// What the store itself has lost while the backup has it whole, one sentence each without a final full stop.
    package let damage: [String]
    /// Whether the store is a device of a circle.
    package let isInCircle: Bool
}

/// How far a long piece of work has come.
package struct BackupProgress: Sendable {
    /// Such as `copying`.
    package let what: String
    package let done: Int
    package let total: Int
}
