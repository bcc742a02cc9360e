// Attune
// SPDX-License-Identifier: Apache-2.0

/// Where a byte string ends inside a character.
enum UTF8Boundary {
    /// Number of bytes, 0 to 3, at the end that are the beginning of a well-formed UTF-8 sequence.
    static func incompleteSuffix(of bytes: [UInt8]) -> Int {
        for length in 1...3 where length <= bytes.count {
            let lead = bytes[bytes.count - length]
            if lead & 0xC0 == 0x80 { continue }
            let needed: Int
            switch lead {
            case 0xC2...0xDF: needed = 2
            case 0xE0...0xEF: needed = 3
            case 0xF0...0xF4: needed = 4
            default: return 0
            }
            guard length < needed else { return 0 }
            return length == 1 || second(bytes[bytes.count - length + 1], after: lead) ? length : 0
        }
        return 0
    }

    /// Whether `byte` may follow `lead`: overlong forms, surrogates and values above U+10FFFF are cut off here.
    private static func second(_ byte: UInt8, after lead: UInt8) -> Bool {
        switch lead {
        case 0xE0: byte >= 0xA0
        case 0xED: byte <= 0x9F
        case 0xF0: byte >= 0x90
        case 0xF4: byte <= 0x8F
        default: true
        }
    }
}
