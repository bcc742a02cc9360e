// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto

/// What a device that serves its circle shows of itself on the local network.
///
/// Nobody but the circle's devices can tell whose it is, and nothing in it stays the same for more than an hour.
package struct NearbyMark: Hashable, Sendable {
    /// Epochs whose devices are to recognise it at once.
    package static let mostKeys = 4
    private static let randomBytes = 8
    /// Hours by which clocks may differ.
    private static let tolerance: UInt64 = 1

    private let random: [UInt8]
    private let marks: [[UInt8]]

    /// - Parameters:
    ///   - keys: of at most four epochs, all of them younger than the last revocation.
    ///   - hour: hours since 1970.
    package init(keys: [EpochKey], hour: UInt64) {
        let random = SecretBytes(random: Self.randomBytes).withUnsafeBytes { Array($0) }
        self.random = random
        marks = keys.prefix(Self.mostKeys).map { $0.beacon(hour: hour, random: random) }
    }

    /// Reads what `text` wrote; nil for anything else.
    package init?(_ text: some StringProtocol) {
        let unit = EpochKey.beaconBytes
        guard let bytes = Hex.decode(String(text)), bytes.count > Self.randomBytes,
            (bytes.count - Self.randomBytes) % unit == 0, bytes.count <= Self.randomBytes + Self.mostKeys * unit
        else { return nil }
        random = Array(bytes.prefix(Self.randomBytes))
        marks = stride(from: Self.randomBytes, to: bytes.count, by: unit).map { Array(bytes[$0..<$0 + unit]) }
    }

    /// Hexadecimal digits: the random bytes, then the mark of each key.
    package var text: String { Hex.encode(random + marks.joined()) }

    /// Whether a device that has one of these keys made it within the last hours.
    package func isRecognised(by keys: [EpochKey], hour: UInt64) -> Bool {
        let hours = [hour &- Self.tolerance, hour, hour &+ Self.tolerance]
        return keys.contains { key in
            hours.contains { hour in marks.contains(key.beacon(hour: hour, random: random)) }
        }
    }
}
