// Attune
// SPDX-License-Identifier: Apache-2.0

/// A place in a device's log, whose entries each name the one before.
package struct LogPosition: Hashable, Sendable {
    /// From 1, dense.
    package let seq: UInt64
    package let hash: EntryHash

    package init(seq: UInt64, hash: EntryHash) {
        self.seq = seq
        self.hash = hash
    }
}

/// A place in a circle's chain, whose links each name the one before.
package struct LinkPosition: Hashable, Sendable {
    /// From 1, dense.
    package let seq: UInt64
    package let hash: LinkHash

    package init(seq: UInt64, hash: LinkHash) {
        self.seq = seq
        self.hash = hash
    }
}
