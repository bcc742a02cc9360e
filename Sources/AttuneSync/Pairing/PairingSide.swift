// Attune
// SPDX-License-Identifier: Apache-2.0

/// The two sides of pairing; the raw value is the role byte that each side's commitment to its record starts with.
package enum PairingSide: UInt8, Sendable {
    /// The device that is in the circle and shows the code.
    case old = 1
    /// The device that joins and is told the code.
    case new = 2

    package var other: PairingSide { self == .old ? .new : .old }

    /// How routes of a relay name the side.
    package var name: String { self == .old ? "old" : "new" }
}
