// Attune
// SPDX-License-Identifier: Apache-2.0

/// What a device knows once it has joined a circle.
package struct JoinedCircle: Sendable, Encodable {
    /// The circle's id, 64 hexadecimal digits.
    package let circle: String
    /// The name of the device that let this one in.
    package let sponsor: String
    /// How many devices there are now, the recovery words not counted.
    package let devices: Int
    /// The relay that the circle uses.
    package let relay: String?
    /// Names of bases that adapters of the circle need and that are not here.
    package let missingBases: [String]
}
