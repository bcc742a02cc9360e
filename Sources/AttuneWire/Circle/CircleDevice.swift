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
        package let lastEntry: EntryHash?
        /// Number of the link that revoked it.
        package let at: UInt64
    }

    /// A name that a device gave itself.
    package struct Name: Sendable, Equatable {
        /// Sealed under the name key of `epoch`; empty for the recovery words.
        package let sealed: [UInt8]
        package let epoch: UInt32
        /// Number of the link that gave it.
        package let at: UInt64
    }

    package let id: DeviceID
    package let record: ProtoDeviceRecord
    /// Number of the link that added it.
    package let addedAt: UInt64
    /// The device that added it; nil for those of the first link.
    package let sponsor: DeviceID?
    /// Whose share of the last places its links take: its own, or its sponsor's if it came after the shared places.
    let account: DeviceID
    /// Its newest names, the one that counts last.
    package private(set) var names: [Name]
    /// What each other device calls it, as far as that was a link: the newest of each. It is not its name.
    package internal(set) var givenNames: [DeviceID: Name] = [:]
    /// Nil while it is active.
    package internal(set) var revocation: Revocation? = nil

    init(id: DeviceID, record: ProtoDeviceRecord, name: Name, sponsor: DeviceID?, account: DeviceID) {
        self.id = id
        self.record = record
        self.sponsor = sponsor
        self.account = account
        addedAt = name.at
        names = [name]
    }

    mutating func take(_ name: Name) { names = names.suffix(WireLimits.formerNames - 1) + [name] }

    /// The name that counts.
    package var name: Name { names[names.count - 1] }
    /// Whether it is the recovery words: it signs and opens envelopes, and publishes no entries.
    package var isPaper: Bool { record.paper }
    /// Ed25519 public key, 32 bytes.
    package var signingKey: [UInt8] { Array(record.signingKey) }
    /// X-Wing public key, 1216 bytes.
    package var sealingKey: [UInt8] { Array(record.sealingKey) }
    package var isActive: Bool { revocation == nil }
}
