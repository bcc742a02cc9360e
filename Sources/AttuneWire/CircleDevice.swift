// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// A device that is or was in a circle.
package struct CircleDevice: Sendable, Equatable {
    /// How a device was shut out.
    package struct Revocation: Sendable, Equatable {
        /// Its last entry that counts; 0 if none does.
        package let lastSeq: UInt64
        /// Hash of that entry; nil if none counts.
        package let lastEntry: Digest256?
        /// Number of the link that revoked it.
        package let at: UInt64
    }

    package let id: DeviceID
    package let record: ProtoDeviceRecord
    /// Number of the link that added it.
    package let addedAt: UInt64
    /// Its name, sealed under the name key of `nameEpoch`.
    package internal(set) var sealedName: [UInt8]
    /// The key epoch that its name is sealed under.
    package internal(set) var nameEpoch: UInt32
    /// Nil while it is active.
    package internal(set) var revocation: Revocation?

    /// Whether it is the recovery words: it signs and opens envelopes, and publishes no entries.
    package var isPaper: Bool { record.paper }
    /// Ed25519 public key, 32 bytes.
    package var signingKey: [UInt8] { Array(record.signingKey) }
    /// X-Wing public key, 1216 bytes.
    package var sealingKey: [UInt8] { Array(record.sealingKey) }
    package var isActive: Bool { revocation == nil }
}
