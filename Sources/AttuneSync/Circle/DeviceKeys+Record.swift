// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneWire
import Foundation
import SwiftProtobuf

extension DevicePublicKeys {
    /// The keys as links and pairing messages carry them.
    package var record: ProtoDeviceRecord {
        ProtoDeviceRecord.with {
            $0.signingKey = Data(signingKey)
            $0.sealingKey = Data(sealingKey)
            $0.tlsKeyHash = Data(tlsKeyHash)
            $0.paper = isPaper
        }
    }

    /// The keys of a record.
    package init(_ record: ProtoDeviceRecord) {
        self.init(
            signingKey: Array(record.signingKey), sealingKey: Array(record.sealingKey),
            tlsKeyHash: Array(record.tlsKeyHash))
    }
}

extension DeviceKeys {
    /// The device's id.
    package var deviceID: DeviceID { publicKeys.id }

    /// What a new device signs to join a circle right after the link `previous`.
    package func counterSignature(joining circle: CircleID, after previous: LinkHash) -> [UInt8] {
        sign(SignedText.join(circle: circle, device: deviceID, previous: previous))
    }

    /// What a second device signs to agree to a revocation right after the link `previous`.
    ///
    /// - Parameter devices: those who are revoked, in any order.
    package func secondSignature(revoking devices: [DeviceID], after previous: LinkHash) -> [UInt8] {
        sign(SignedText.revoke(previous: previous, devices: devices.sorted()))
    }
}
