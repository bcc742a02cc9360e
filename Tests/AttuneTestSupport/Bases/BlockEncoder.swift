// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor

/// Quantises numbers into the blocks of GGUF, as ggml's reference does for the simple types.
package enum BlockEncoder {
    /// The bytes of `values`, whose count is a multiple of the block size.
    ///
    /// K-quants, IQ4 and MXFP4 get random codes under scales that keep values near `scale`: enough for tests that
    /// compare two paths over the same bytes.
    package static func encode(_ values: [Float], as type: BlockType, scale: Float, random: inout SyntheticRandom)
        -> [UInt8]
    {
        var writer = ByteWriter()
        switch type {
        case .f32: for value in values { writer.littleEndian(value.bitPattern) }
        case .f16: for value in values { writer.littleEndian(Float16(value).bitPattern) }
        case .bf16: for value in values { writer.littleEndian(UInt16(truncatingIfNeeded: value.bitPattern >> 16)) }
        case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0:
            for start in stride(from: 0, to: values.count, by: 32) {
                block(Array(values[start..<start + 32]), as: type, into: &writer)
            }
        default:
            for _ in 0..<values.count / type.elements {
                writer.append(randomBlock(type, scale: scale, random: &random))
            }
        }
        return writer.bytes
    }

    private static func block(_ x: [Float], as type: BlockType, into writer: inout ByteWriter) {
        if type == .q8_0 {
            let d = (x.map(abs).max() ?? 0) / 127
            writer.littleEndian(Float16(d).bitPattern)
            for value in x { writer.littleEndian(Int8(d == 0 ? 0 : (value / d).rounded())) }
            return
        }
        let top: Float = type == .q4_0 || type == .q4_1 ? 15 : 31
        let codes: [UInt8]
        if type == .q4_1 || type == .q5_1 {
            let low = x.min() ?? 0
            let d = ((x.max() ?? 0) - low) / top
            codes = x.map { d == 0 ? 0 : UInt8(min(top, (($0 - low) / d + 0.5).rounded(.down))) }
            writer.littleEndian(Float16(d).bitPattern)
            writer.littleEndian(Float16(low).bitPattern)
        } else {
            let middle = (top + 1) / 2
            let extreme = x.max { abs($0) < abs($1) } ?? 0
            let d = extreme / -middle
            codes = x.map { d == 0 ? UInt8(middle) : UInt8(max(0, min(top, ($0 / d + middle + 0.5).rounded(.down)))) }
            writer.littleEndian(Float16(d).bitPattern)
        }
        if top == 31 {
            writer.littleEndian(codes.enumerated().reduce(UInt32(0)) { $0 | UInt32($1.element >> 4) << $1.offset })
        }
        for j in 0..<16 { writer.append([codes[j] & 15 | (codes[j + 16] & 15) << 4]) }
    }

    private static func randomBlock(_ type: BlockType, scale: Float, random: inout SyntheticRandom) -> [UInt8] {
        var bytes = (0..<type.bytes).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        func put(_ value: Float, at offset: Int) {
            let bits = Float16(value).bitPattern
            bytes[offset] = UInt8(truncatingIfNeeded: bits)
            bytes[offset + 1] = UInt8(bits >> 8)
        }
        // The scale over the largest product of a sub-block's scale and a code.
        switch type {
        case .q2K:
            put(scale / 45, at: 80)
            put(scale / 45, at: 82)
        case .q3K: put(scale / 128, at: 108)
        case .q4K, .q5K:
            put(scale / (type == .q4K ? 945 : 1953), at: 0)
            put(scale / 63, at: 2)
        case .q6K: put(scale / 4096, at: 208)
        case .iq4NL: put(scale / 127, at: 0)
        case .iq4XS: put(scale / 4064, at: 0)
        case .mxfp4: bytes[0] = UInt8(clamping: 125 + Int(scale.exponent))
        default: break
        }
        return bytes
    }
}
