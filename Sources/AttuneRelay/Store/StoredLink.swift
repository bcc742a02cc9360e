// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// A verified link as a store keeps it.
package struct StoredLink: Hashable, Sendable {
    package let seq: UInt64
    package let hash: Digest256
    /// A serialised `SignedLink`, as received.
    package let bytes: [UInt8]

    package init(seq: UInt64, hash: Digest256, bytes: [UInt8]) {
        self.seq = seq
        self.hash = hash
        self.bytes = bytes
    }
}
