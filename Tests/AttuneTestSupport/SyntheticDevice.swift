// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import CSodium
import Foundation

/// A device that signs for real and whose sealing keys are random bytes: enough for whoever cannot open anything.
package struct SyntheticDevice: Sendable {
    package let record: ProtoDeviceRecord
    package let id: DeviceID
    private let secret: [UInt8]

    package init(paper: Bool = false) {
        _ = sodium_init()
        var key = [UInt8](repeating: 0, count: 32)
        var secret = [UInt8](repeating: 0, count: 64)
        crypto_sign_keypair(&key, &secret)
        var record = ProtoDeviceRecord()
        record.signingKey = Data(key)
        record.sealingKey = Data(Self.random(Link.sealingKeyBytes))
        record.tlsKeyHash = paper ? Data() : Data(Self.random(32))
        record.paper = paper
        self.secret = secret
        self.record = record
        id = DeviceID(record)
    }

    /// Ed25519, 64 bytes.
    package func sign(_ message: [UInt8]) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: 64)
        crypto_sign_detached(&signature, nil, message, UInt64(message.count), secret)
        return signature
    }

    package static func random(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        randombytes_buf(&bytes, count)
        return bytes
    }
}
