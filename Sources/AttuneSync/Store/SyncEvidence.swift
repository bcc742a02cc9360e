// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Why this device no longer trusts what it was told about a log, with the signed bytes that show it.
///
/// As long as one piece is not settled nothing is merged or moved by itself; work on this device goes on.
package struct SyncEvidence: Hashable, Sendable {
    /// What was noticed.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Two signed entries have one device and one seq.
        case fork
        /// A remote says less of a log than it said before.
        case rollback
        /// A signed entry names an entry of another device that the remote does not show.
        case hidden
        /// A signed entry names another hash for an entry that is held.
        case contradiction
        /// Two valid links follow one link.
        case linkFork
    }

    package let kind: Kind
    /// Whose log it is about; the signer for links.
    package let device: DeviceID
    package let seq: UInt64
    /// The signed half that this device holds (a `SignedEntry` or `SignedLink`); empty if it holds none.
    package let held: [UInt8]
    /// The signed half that contradicts it; empty for a rollback, where the remote's answer was not signed.
    package let other: [UInt8]
    /// The remote that showed it.
    package let remote: String
    /// True once a person has looked at it, or the remote has shown the missing part.
    package let isSettled: Bool

    package init(
        kind: Kind, device: DeviceID, seq: UInt64, held: [UInt8], other: [UInt8], remote: String,
        isSettled: Bool = false
    ) {
        self.kind = kind
        self.device = device
        self.seq = seq
        self.held = held
        self.other = other
        self.remote = remote
        self.isSettled = isSettled
    }
}
