// Attune
// SPDX-License-Identifier: Apache-2.0

/// The upper half of a float32: one sign bit, eight bits of exponent and seven of fraction.
package struct BFloat16: BitwiseCopyable, Hashable, Sendable {
    package var bits: UInt16

    /// `value` to nearest, ties to even; NaN stays NaN.
    package init(_ value: Float) {
        let bits = value.bitPattern
        self.bits =
            value.isNaN
            ? UInt16(truncatingIfNeeded: bits >> 16) | 0x40
            : UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }

    package var value: Float { Float(bitPattern: UInt32(bits) << 16) }
}
