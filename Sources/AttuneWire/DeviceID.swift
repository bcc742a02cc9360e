// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// The id of a device: BLAKE2b-128 over its public keys, with personal string `AT-device-id`.
package struct DeviceID: Hashable, Sendable, Comparable, CustomStringConvertible, Codable {
    /// Exactly 16 bytes.
    package let bytes: [UInt8]

    /// Fails unless there are exactly 16 bytes.
    package init?(_ bytes: some Sequence<UInt8>) {
        let copy = Array(bytes)
        guard copy.count == 16 else { return nil }
        self.bytes = copy
    }

    /// Fails unless the text is exactly 32 hexadecimal digits.
    package init?(hex: String) {
        guard let decoded = Hex.decode(hex) else { return nil }
        self.init(decoded)
    }

    package var description: String { Hex.encode(bytes) }

    /// Eight letters and digits for a person to compare, such as `7Q2K-M4XA`: the first 40 bits in base 32 (RFC 4648).
    package var fingerprint: String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        let bits = bytes[..<5].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let letters = (0..<8).map { alphabet[Int(bits >> UInt64(35 - 5 * $0) & 31)] }
        return String(letters[..<4]) + "-" + String(letters[4...])
    }

    package static func < (left: DeviceID, right: DeviceID) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// The id of the device with these public keys.
    package init(signingKey: [UInt8], sealingKey: [UInt8]) {
        bytes = WireHash.blake2b128(signingKey + sealingKey, personal: "AT-device-id")
    }

    /// The id of the device with this record.
    package init(_ record: ProtoDeviceRecord) {
        self.init(signingKey: Array(record.signingKey), sealingKey: Array(record.sealingKey))
    }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let value = DeviceID(hex: text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not 32 hexadecimal digits"))
        }
        self = value
    }

    /// Writes the id as its hexadecimal digits.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
