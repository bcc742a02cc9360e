// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// The id of a device: BLAKE2b-128 over its public keys, with personal string `AT-device-id`.
package struct DeviceID: Hashable, Sendable, Comparable, CustomStringConvertible {
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
}
