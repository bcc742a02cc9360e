// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import Foundation
import Testing

@Suite struct RandomStreamTests {
    @Test func numbersAreAFunctionOfSeedPathAndCounter() throws {
        let stream = RandomStream(seed: 1, path: 2, 3)
        #expect(stream.bits(at: 9) == RandomStream(seed: 1, path: 2, 3).bits(at: 9))
        #expect(stream.bits(at: 9) == RandomStream(seed: 1, path: 2).child(3).bits(at: 9))
        let decoded = try JSONDecoder().decode(RandomStream.self, from: JSONEncoder().encode(stream))
        #expect(decoded == stream)
        // Pinned: a run that is taken up again by a later version must see the same numbers.
        #expect(RandomStream(seed: 0).bits(at: 0) == pinned)
        let others = [
            RandomStream(seed: 2, path: 2, 3), RandomStream(seed: 1, path: 3, 2), RandomStream(seed: 1, path: 2),
        ]
        for other in others { #expect(other.bits(at: 9) != stream.bits(at: 9)) }
    }

    private let pinned: UInt64 = 14_485_685_866_923_296_637

    private struct OutOfRange: Error {}

    @Test func uniformNumbersAreUniform() throws {
        let stream = RandomStream(seed: 5)
        let count = 100_000
        var buckets = [Int](repeating: 0, count: 16)
        var product = 0.0
        for i in 0..<count {
            let u = stream.uniform(at: UInt64(i))
            guard u >= 0, u < 1 else { throw OutOfRange() }
            buckets[Int(u * 16)] += 1
            product += (u - 0.5) * (stream.uniform(at: UInt64(i + 1)) - 0.5)
        }
        // 16 buckets of 6250, standard deviation 77; neighbours are not correlated.
        for bucket in buckets { #expect(abs(bucket - count / 16) < 400) }
        #expect(abs(product / Double(count)) < 0.002)
    }

    @Test func everyBitIsFair() {
        let stream = RandomStream(seed: 6, path: 1)
        var ones = [Int](repeating: 0, count: 64)
        for i in 0..<20_000 {
            let bits = stream.bits(at: UInt64(i))
            for bit in 0..<64 where bits >> UInt64(bit) & 1 == 1 { ones[bit] += 1 }
        }
        for count in ones { #expect(abs(count - 10_000) < 400) }
    }

    @Test func normalNumbersHaveTheirMoments() {
        let stream = RandomStream(seed: 7)
        let values = (0..<100_000).map { stream.normal(at: UInt64($0)) }
        let mean = values.reduce(0, +) / 100_000
        let variance = values.reduce(0) { $0 + $1 * $1 } / 100_000
        let fourth = values.reduce(0) { $0 + $1 * $1 * $1 * $1 } / 100_000
        #expect(abs(mean) < 0.02)
        #expect(abs(variance - 1) < 0.03)
        #expect(abs(fourth - 3) < 0.3)
    }
}
