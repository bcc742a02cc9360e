// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension DeviceID {
    /// The id of the device with these public keys.
    package init(signingKey: [UInt8], sealingKey: [UInt8]) {
        let hash = WireHash.blake2b128(signingKey + sealingKey, personal: "AT-device-id")
        guard let id = DeviceID(hash) else { preconditionFailure("BLAKE2b-128 has 16 bytes") }
        self = id
    }

    /// The id of the device with this record.
    package init(_ record: ProtoDeviceRecord) {
        self.init(signingKey: Array(record.signingKey), sealingKey: Array(record.sealingKey))
    }

    /// Eight letters and digits for a person to compare, such as `7Q2K-M4XA`: the first 40 bits in base 32 (RFC 4648).
    package var fingerprint: String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        let bits = bytes[..<5].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let letters = (0..<8).map { alphabet[Int(bits >> UInt64(35 - 5 * $0) & 31)] }
        return String(letters[..<4]) + "-" + String(letters[4...])
    }
}
