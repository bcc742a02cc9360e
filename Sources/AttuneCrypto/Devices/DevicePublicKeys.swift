// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What a device shows of its keys.
package struct DevicePublicKeys: Sendable, Equatable {
    /// Ed25519, 32 bytes.
    package let signingKey: [UInt8]
    /// X-Wing (draft-connolly-cfrg-xwing-kem-06), 1216 bytes.
    package let sealingKey: [UInt8]
    /// SHA-256 of the subject public key info of its TLS certificate; empty for the recovery words.
    package let tlsKeyHash: [UInt8]

    package init(signingKey: [UInt8], sealingKey: [UInt8], tlsKeyHash: [UInt8]) {
        self.signingKey = signingKey
        self.sealingKey = sealingKey
        self.tlsKeyHash = tlsKeyHash
    }

    /// Whether these are the recovery words as a device.
    package var isPaper: Bool { tlsKeyHash.isEmpty }

    /// BLAKE2b-128 of both keys with personal string `AT-device-id`: the device's id.
    package var id: DeviceID {
        let bytes = (signingKey + sealingKey).withUnsafeBytes {
            BLAKE2b.raw(count: 16, $0, key: nil, personal: "AT-device-id")
        }
        guard let id = DeviceID(bytes) else { preconditionFailure("BLAKE2b gave another length than asked") }
        return id
    }
}
