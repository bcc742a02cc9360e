// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport

extension SyntheticRandom {
    /// A text of many scripts, white space and signs, with runs of one character.
    mutating func text(length: Int) -> String {
        var scalars = String.UnicodeScalarView()
        for _ in 0..<length {
            let scalar = scalar()
            let count = Int.random(in: 0..<8, using: &self) == 0 ? Int.random(in: 2..<9, using: &self) : 1
            for _ in 0..<count { scalars.append(scalar) }
        }
        return String(scalars)
    }

    private mutating func scalar() -> Unicode.Scalar {
        let ranges: [ClosedRange<UInt32>] = [
            0x20...0x7E, 0x20...0x7E, 0x20...0x7E, 0x61...0x7A, 0x09...0x0D, 0xA0...0x17F, 0x370...0x3FF,
            0x400...0x4FF, 0x5D0...0x5EA, 0x600...0x6FF, 0x900...0x97F, 0x2000...0x206F, 0x3000...0x30FF,
            0x4E00...0x4FFF, 0xAC00...0xACFF, 0xFE00...0xFE0F, 0xFFF0...0xFFFD, 0x1F300...0x1F6FF, 0x1D400...0x1D4FF,
            0xE0000...0xE007F,
        ]
        let range = ranges.randomElement(using: &self) ?? 0x20...0x7E
        return Unicode.Scalar(UInt32.random(in: range, using: &self)) ?? " "
    }
}
