// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// How far a backup, a check of one, or what is made of one has come.
package struct BackupProgress: Sendable {
    /// Such as `copying chunks`.
    package let what: String
    package let done: Int
    /// 0 if it is not known.
    package let total: Int

    package init(what: String, done: Int, total: Int) {
        self.what = what
        self.done = done
        self.total = total
    }
}

/// What a run of `attune backup` did.
package struct BackupReport: Sendable, Equatable {
    /// The backup's folder.
    package let path: String
    /// The number of the state that was added.
    package let state: Int
    package var databaseBytes = 0
    /// Distinct chunks that the state needs, and their bytes.
    package var chunks = 0
    package var chunkBytes = 0
    /// Chunks that were copied now, and their bytes.
    package var chunksCopied = 0
    package var bytesCopied = 0
    /// Chunks among them in place of damaged ones, which were set aside.
    package var chunksMended = 0
    /// The numbers of the states that are there now.
    package var states: [Int] = []
    /// Those among them with changes that the store does not have; they stay beyond the number that is kept.
    package var statesAhead: [Int] = []
    /// Chunks that no state needed any longer and that were removed.
    package var chunksDropped = 0
    /// What the store itself has lost while the backup has it whole, one sentence each without a final full stop.
    package var damage: [String] = []

    package init(path: String, state: Int) {
        self.path = path
        self.state = state
    }
}

/// What `attune restore` made.
package struct RestoreReport: Sendable, Equatable {
    /// The folder of the new store.
    package let store: String
    package let state: Int
    /// When the state was backed up.
    package let made: Date
    package var versions = 0
    package var chunks = 0
    package var bytes = 0
    /// Whether the store is a device of a circle.
    package var isInCircle = false

    package init(store: String, state: Int, made: Date) {
        self.store = store
        self.state = state
        self.made = made
    }
}
