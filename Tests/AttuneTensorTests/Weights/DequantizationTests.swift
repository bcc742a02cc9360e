// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import Testing

/// The formulas of the format, element by element, written apart from the kernels.
@Suite struct DequantizationTests {
    @Test(arguments: BlockType.allCases)
    func everyTypeFollowsItsFormula(_ type: BlockType) {
        let columns = type.elements * 3
        let w = Samples.weight(type, 5, columns, seed: UInt64(type.rawValue) + 1)
        let expected = (0..<5 * columns).map {
            Self.element($0 % type.elements, of: Self.block($0 / type.elements, w), type)
        }
        let out = Matrix<Float>(rows: 5, columns: columns)
        dequantize(w, rows: 0..<5, into: out)
        #expect(zip(out.values, expected).allSatisfy { abs(Double($0) - $1) <= 1e-6 * abs($1) + 1e-9 })
        let last = Matrix<Float>(rows: 1, columns: columns)
        dequantize(w, rows: 4..<5, into: last)
        #expect(last.values == Array(out.values.suffix(columns)))
        for level in fastLevels {
            let rows = Matrix<Float>(rows: 3, columns: columns)
            Kernels.at(level) { gatherRows(w, [4, 0, 4], into: rows) }
            #expect(relativeError(rows.rows(0..<1), last) < 1e-6)
            #expect(relativeError(rows.rows(1..<2), out.rows(0..<1)) < 1e-6)
            #expect(rows.rows(2..<3).values == rows.rows(0..<1).values)
        }
    }

    @Test func aBlockOfQ4_1IsScaleTimesNibblePlusMinimum() {
        // d = 0.5 (0x3800), m = −1 (0xBC00); byte j holds j in the low nibble and 15 − j in the high one.
        let bytes: [UInt8] = [0x00, 0x38, 0x00, 0xBC] + (0..<16).map { UInt8($0 | (15 - $0) << 4) }
        let out = Matrix<Float>(rows: 1, columns: 32)
        dequantize(Samples.weight(.q4_1, 1, 32, bytes: bytes), rows: 0..<1, into: out)
        let low: [Float] = (0..<16).map { 0.5 * Float($0) - 1 }
        #expect(out.values == low + low.reversed())
    }

    @Test func aBlockOfQ8_0IsScaleTimesSignedByte() {
        // d = 2^-24, the smallest half: subnormal.
        let bytes: [UInt8] = [0x01, 0x00] + (0..<32).map { UInt8(bitPattern: Int8($0 * 8 - 128)) }
        let out = Matrix<Float>(rows: 1, columns: 32)
        dequantize(Samples.weight(.q8_0, 1, 32, bytes: bytes), rows: 0..<1, into: out)
        let expected: [Float] = (0..<32).map { 0x1p-24 * Float($0 * 8 - 128) }
        #expect(out.values == expected)
    }

    @Test func everyHalfIsReadExactly() {
        let bytes = (0...UInt16.max).flatMap { Samples.littleEndian(UInt32($0), 2) }
        let out = Matrix<Float>(rows: 1, columns: 65536)
        dequantize(Samples.weight(.f16, 1, 65536, bytes: bytes), rows: 0..<1, into: out)
        let wrong = out.values.enumerated().filter { index, value in
            let expected = Float(Float16(bitPattern: UInt16(index)))
            return !(value == expected || (value.isNaN && expected.isNaN))
        }
        #expect(wrong.isEmpty)
    }

    @Test func exponentsOfMXFP4ReachSubnormals() {
        for exponent in [0, 1, 2, 127, 128, 254] {
            let bytes: [UInt8] = [UInt8(exponent)] + [UInt8](repeating: 0x52, count: 16)
            let out = Matrix<Float>(rows: 1, columns: 32)
            dequantize(Samples.weight(.mxfp4, 1, 32, bytes: bytes), rows: 0..<1, into: out)
            #expect(out[0, 0] == Float(sign: .plus, exponent: exponent - 128, significand: 1) * 2)
            #expect(out[0, 16] == Float(sign: .plus, exponent: exponent - 128, significand: 1) * 6)
        }
    }

    private static func block(_ index: Int, _ w: WeightMatrix) -> [Int] {
        w.bytes[index * w.type.bytes..<(index + 1) * w.type.bytes].map { Int($0) }
    }

    private static func half(_ b: [Int], _ at: Int) -> Double {
        Double(Float16(bitPattern: UInt16(b[at] | b[at + 1] << 8)))
    }

    private static func signed(_ byte: Int) -> Double { Double(byte > 127 ? byte - 256 : byte) }

    /// Element i of a block of 16 bytes of nibbles at `at`.
    private static func nibble(_ b: [Int], _ at: Int, _ i: Int) -> Int { i < 16 ? b[at + i] & 15 : b[at + i - 16] >> 4 }

    private static let curve: [Double] = [
        -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
    ]

    private static func element(_ i: Int, of b: [Int], _ type: BlockType) -> Double {
        switch type {
        case .f32:
            return Double(Float(bitPattern: UInt32(b[0] | b[1] << 8 | b[2] << 16 | b[3] << 24)))
        case .f16: return half(b, 0)
        case .bf16: return Double(Float(bitPattern: UInt32(b[0] << 16 | b[1] << 24)))
        case .q4_0: return half(b, 0) * Double(nibble(b, 2, i) - 8)
        case .q4_1: return half(b, 0) * Double(nibble(b, 4, i)) + half(b, 2)
        case .q5_0, .q5_1:
            let at = type == .q5_0 ? 2 : 4
            let q = nibble(b, at + 4, i) + 16 * (b[at + i / 8] >> (i % 8) & 1)
            return type == .q5_0 ? half(b, 0) * Double(q - 16) : half(b, 0) * Double(q) + half(b, 2)
        case .q8_0: return half(b, 0) * signed(b[2 + i])
        case .iq4NL: return half(b, 0) * curve[nibble(b, 2, i)]
        case .mxfp4:
            let values: [Double] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
            let q = nibble(b, 1, i)
            let magnitude = Double(sign: .plus, exponent: b[0] - 127, significand: values[q & 7])
            return values[q & 7] == 0 ? 0 : q > 7 ? -magnitude : magnitude
        default: return large(i, of: b, type)
        }
    }

    /// Blocks of 256.
    private static func large(_ i: Int, of b: [Int], _ type: BlockType) -> Double {
        let (n, j, l) = (i / 128, i % 128 / 32, i % 32)
        switch type {
        case .q2K:
            let scale = b[i / 16]
            return half(b, 80) * Double((scale & 15) * (b[16 + 32 * n + l] >> (2 * j) & 3)) - half(b, 82)
                * Double(scale >> 4)
        case .q3K:
            let s = b[96..<108].map { $0 }
            let group = i / 16
            let low = group < 8 ? s[group] & 15 : s[group - 8] >> 4
            let scale = low | (s[8 + group % 4] >> (2 * (group / 4)) & 3) << 4
            let q = (b[32 + 32 * n + l] >> (2 * j) & 3) - (b[l] >> (4 * n + j) & 1 == 1 ? 0 : 4)
            return half(b, 108) * Double((scale - 32) * q)
        case .q4K, .q5K:
            let (s, sub) = (b[4..<16].map { $0 }, i / 32)
            let scale = sub < 4 ? s[sub] & 63 : s[sub + 4] & 15 | (s[sub - 4] >> 6) << 4
            let minimum = sub < 4 ? s[sub + 4] & 63 : s[sub + 4] >> 4 | (s[sub] >> 6) << 4
            let quants = type == .q4K ? 16 : 48
            var q = b[quants + 32 * (sub / 2) + l] >> (sub % 2 == 0 ? 0 : 4) & 15
            if type == .q5K { q += 16 * (b[16 + l] >> sub & 1) }
            return half(b, 0) * Double(scale * q) - half(b, 2) * Double(minimum)
        case .q6K:
            let low = b[64 * n + 32 * (j % 2) + l] >> (j < 2 ? 0 : 4) & 15
            let q = low | (b[128 + 32 * n + l] >> (2 * j) & 3) << 4
            return half(b, 208) * signed(b[192 + i / 16]) * Double(q - 32)
        default:
            let sub = i / 32
            let high = (b[2] | b[3] << 8) >> (2 * sub) & 3
            let scale = (b[4 + sub / 2] >> (4 * (sub % 2)) & 15) | high << 4
            return half(b, 0) * Double(scale - 32) * curve[nibble(b, 8 + 16 * sub, l)]
        }
    }
}
