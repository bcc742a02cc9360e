// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// One signed entry as the store keeps it: its bytes as received, and what the store has to find it by.
package struct StoredEntry: Sendable, Equatable {
    package let hash: Digest256
    /// 16 bytes.
    package let device: [UInt8]
    /// From 1.
    package let seq: UInt64
    /// Hash of the same device's entry before; zeros for the first.
    package let previous: Digest256
    /// Number of the `EntryKind`.
    package let kind: Int
    package let lamport: UInt64
    package let bytes: [UInt8]

    package init(
        hash: Digest256, device: [UInt8], seq: UInt64, previous: Digest256, kind: Int, lamport: UInt64, bytes: [UInt8]
    ) {
        self.hash = hash
        self.device = device
        self.seq = seq
        self.previous = previous
        self.kind = kind
        self.lamport = lamport
        self.bytes = bytes
    }
}
