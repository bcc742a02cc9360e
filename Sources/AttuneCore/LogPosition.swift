// Attune
// SPDX-License-Identifier: Apache-2.0

/// A place in a log whose items each name the one before: a device's entries, or the links of a circle.
package struct LogPosition: Hashable, Sendable {
    /// From 1, dense.
    package let seq: UInt64
    package let hash: Digest256

    package init(seq: UInt64, hash: Digest256) {
        self.seq = seq
        self.hash = hash
    }
}
