// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension EpochKey {
    /// Bytes of a mark on the local network.
    package static let beaconBytes = 8

    /// What only those who have this key recognise on the local network: the first 8 bytes of keyed BLAKE2b-256 over
    /// the hour and random bytes.
    ///
    /// - Parameters:
    ///   - hour: hours since 1970.
    ///   - random: made anew for each hour.
    package func beacon(hour: UInt64, random: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(Self.beaconContext)
        writer.bigEndian(hour)
        writer.append(random)
        return Array(BLAKE2b.hash(writer.bytes, key: subkey("ATlanadv")).bytes.prefix(Self.beaconBytes))
    }

    private static let beaconContext = Array("attune/v1/lan\0".utf8)
}
