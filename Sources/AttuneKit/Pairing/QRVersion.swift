// Attune
// SPDX-License-Identifier: Apache-2.0

/// The size of a QR symbol and how its data are split, at error correction level L.
struct QRVersion {
    /// 1 to 10.
    let number: Int
    /// Correction codewords of each block.
    private let correction: Int
    private let blocks: Int
    /// Codewords of data and correction together.
    private let total: Int
    private let inner: [Int]

    var size: Int { 17 + 4 * number }
    /// Rows and columns of the centres of alignment patterns.
    var alignment: [Int] { inner.isEmpty ? [] : [6] + inner }
    private var data: Int { total - correction * blocks }
    /// Bits of the field that holds the length of the text.
    private var lengthBits: Int { number < 10 ? 8 : 16 }

    /// The 18 bits that symbols from version 7 on carry; nil below.
    var information: Int? {
        guard number >= 7 else { return nil }
        var remainder = number
        for _ in 0..<12 { remainder = remainder << 1 ^ (remainder >> 11) * 0x1F25 }
        return number << 12 | remainder
    }

    private static let all = [
        QRVersion(number: 1, correction: 7, blocks: 1, total: 26, inner: []),
        QRVersion(number: 2, correction: 10, blocks: 1, total: 44, inner: [18]),
        QRVersion(number: 3, correction: 15, blocks: 1, total: 70, inner: [22]),
        QRVersion(number: 4, correction: 20, blocks: 1, total: 100, inner: [26]),
        QRVersion(number: 5, correction: 26, blocks: 1, total: 134, inner: [30]),
        QRVersion(number: 6, correction: 18, blocks: 2, total: 172, inner: [34]),
        QRVersion(number: 7, correction: 20, blocks: 2, total: 196, inner: [22, 38]),
        QRVersion(number: 8, correction: 24, blocks: 2, total: 242, inner: [24, 42]),
        QRVersion(number: 9, correction: 30, blocks: 2, total: 292, inner: [26, 46]),
        QRVersion(number: 10, correction: 18, blocks: 4, total: 346, inner: [28, 50]),
    ]

    /// The smallest version that holds so many bytes.
    static func smallest(for count: Int) -> QRVersion? {
        all.first { 4 + $0.lengthBits + 8 * count <= 8 * $0.data }
    }

    /// Mode, length, text, padding and correction, interleaved as they lie in the symbol.
    func codewords(of bytes: [UInt8]) -> [UInt8] {
        var bits: [Bool] = []
        func append(_ value: Int, _ count: Int) {
            for place in (0..<count).reversed() { bits.append(value >> place & 1 == 1) }
        }
        append(0b0100, 4)
        append(bytes.count, lengthBits)
        for byte in bytes { append(Int(byte), 8) }
        append(0, min(4, data * 8 - bits.count))
        append(0, (8 - bits.count % 8) % 8)
        var words = stride(from: 0, to: bits.count, by: 8).map { start in
            bits[start..<start + 8].reduce(UInt8(0)) { $0 << 1 | ($1 ? 1 : 0) }
        }
        for index in 0..<data - words.count { words.append(index % 2 == 0 ? 0xEC : 0x11) }

        // The last blocks are longer by one where the data do not divide.
        let short = data / blocks
        let longFrom = blocks - data % blocks
        var parts: [[UInt8]] = []
        var start = 0
        for block in 0..<blocks {
            let count = short + (block >= longFrom ? 1 : 0)
            parts.append(Array(words[start..<start + count]))
            start += count
        }
        let checks = parts.map { Self.remainder(of: $0, count: correction) }
        var result: [UInt8] = []
        for place in 0...short { result += parts.compactMap { place < $0.count ? $0[place] : nil } }
        for place in 0..<correction { result += checks.map { $0[place] } }
        return result
    }

    /// Reed–Solomon correction codewords over GF(256) with the polynomial 0x11D.
    private static func remainder(of data: [UInt8], count: Int) -> [UInt8] {
        var divisor = [UInt8](repeating: 0, count: count)
        divisor[count - 1] = 1
        var root: UInt8 = 1
        for _ in 0..<count {
            for index in 0..<count {
                divisor[index] = product(divisor[index], root) ^ (index + 1 < count ? divisor[index + 1] : 0)
            }
            root = product(root, 2)
        }
        var result = [UInt8](repeating: 0, count: count)
        for byte in data {
            let factor = byte ^ result.removeFirst()
            result.append(0)
            for index in 0..<count { result[index] ^= product(divisor[index], factor) }
        }
        return result
    }

    private static func product(_ left: UInt8, _ right: UInt8) -> UInt8 {
        var result: UInt8 = 0
        for place in (0..<8).reversed() {
            result = result << 1 ^ (result >> 7) * 0x1D
            if right >> place & 1 == 1 { result ^= left }
        }
        return result
    }
}
