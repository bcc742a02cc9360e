// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// The bytes that Ed25519 signatures of the sync protocol are made over: a purpose, zero bytes, then what is signed.
package enum SignedText {
    /// What the signer of a link signs.
    package static func link(_ hash: LinkHash) -> [UInt8] { Array("attune/v1/dlink\0".utf8) + hash.bytes }

    /// What the author of an entry signs.
    package static func entry(_ hash: EntryHash) -> [UInt8] { Array("attune/v1/esig\0\0".utf8) + hash.bytes }

    /// What a new device signs to show that it joins this circle, at this place of its chain.
    package static func join(circle: CircleID, device: DeviceID, previous: LinkHash) -> [UInt8] {
        Array("attune/v1/join!\0".utf8) + circle.bytes + device.bytes + previous.bytes
    }

    /// What the second signer of a revocation signs; `devices` in the order of their ids.
    package static func revoke(previous: LinkHash, devices: [DeviceID]) -> [UInt8] {
        Array("attune/v1/revoke\0".utf8) + previous.bytes + devices.flatMap(\.bytes)
    }

    /// What the second signer of a circle's deletion at a relay signs; good until the circle changes.
    package static func delete(circle: CircleID, newest: LinkHash) -> [UInt8] {
        Array("attune/v1/delete\0".utf8) + circle.bytes + newest.bytes
    }
}
