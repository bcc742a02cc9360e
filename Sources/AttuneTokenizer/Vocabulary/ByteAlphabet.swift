// Attune
// SPDX-License-Identifier: Apache-2.0

/// The characters by which byte-level BPE vocabularies spell bytes (Radford et al. 2019, GPT-2).
///
/// Printable bytes stand for themselves; the other 68, in ascending order, are U+0100, U+0101, …
enum ByteAlphabet {
    /// Code point that spells each byte.
    static let scalars: [UInt32] = {
        var next: UInt32 = 0x100
        return (0..<256).map { (byte: UInt32) in
            if (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte) {
                return byte
            }
            defer { next += 1 }
            return next
        }
    }()

    /// Byte that each code point up to U+0143 spells, −1 if it spells none.
    private static let bytes: [Int16] = {
        var bytes = [Int16](repeating: -1, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = Int16(byte) }
        return bytes
    }()

    /// The bytes that a spelling stands for, nil if it holds a character outside the alphabet.
    static func decode(_ spelling: some Sequence<Unicode.Scalar>) -> [UInt8]? {
        var result: [UInt8] = []
        for scalar in spelling {
            guard scalar.value < 0x144, bytes[Int(scalar.value)] >= 0 else { return nil }
            result.append(UInt8(bytes[Int(scalar.value)]))
        }
        return result
    }
}
