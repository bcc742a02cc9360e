// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What was done with an accepted entry.
enum EntryState: Int, CustomStringConvertible {
    /// It was not opened yet.
    case waiting = 0
    case applied = 1
    /// It stays in the log and changes nothing.
    case refused = 2

    /// Its number, as statements have it.
    var description: String { "\(rawValue)" }
}

/// One signed entry as the store keeps it: its bytes as received, and what the store has to find it by.
package struct StoredEntry: Sendable, Equatable {
    package let hash: EntryHash
    package let device: DeviceID
    /// From 1.
    package let seq: UInt64
    /// Hash of the same device's entry before; zeros for the first.
    package let previous: EntryHash
    /// Number of the `EntryKind`.
    package let kind: Int
    package let lamport: UInt64
    package let bytes: [UInt8]

    package init(
        hash: EntryHash, device: DeviceID, seq: UInt64, previous: EntryHash, kind: Int, lamport: UInt64, bytes: [UInt8]
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
