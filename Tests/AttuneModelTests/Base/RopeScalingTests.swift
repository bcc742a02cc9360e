// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneModel
import AttuneTensor
import AttuneTestSupport
import Foundation
import Testing

@Suite struct RopeScalingTests {
    private static func configuration(
        divisors: [Float]? = nil, headDimension: Int = 8, _ values: [(key: String, value: GGUFWriter.Value)] = []
    ) throws -> ModelConfiguration {
        var tiny = SyntheticGGUF(width: 32, headDimension: headDimension, type: .f32)
        tiny.ropeDivisors = divisors
        tiny.extraValues = values
        let folder = try TemporaryDirectory()
        return try BaseModel(path: tiny.write(to: folder)).configuration
    }

    private static func close(_ left: [Double], _ right: [Double]) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { abs($0 - $1) <= 1e-9 * abs($1) }
    }

    @Test func plainFrequenciesArePowersOfTheBase() throws {
        let configuration = try Self.configuration()
        #expect(Self.close(configuration.ropeFrequencies, [1, 0.1, 0.01, 0.001]))
        #expect(configuration.ropeScaling == .none)
        #expect(configuration.ropeMagnitude == 1)
    }

    @Test func linearDividesEveryAngle() throws {
        let scaled = try Self.configuration([
            ("llama.rope.scaling.type", .string("linear")), ("llama.rope.scaling.factor", .float32(4)),
        ])
        #expect(scaled.ropeScaling == .linear(factor: 4))
        #expect(Self.close(scaled.ropeFrequencies, [0.25, 0.025, 0.0025, 0.00025]))
        // A factor without a type is linear, in the old spelling too; type none wins over a factor.
        #expect(try Self.configuration([("llama.rope.scale_linear", .float32(2))]).ropeScaling == .linear(factor: 2))
        let none = try Self.configuration([
            ("llama.rope.scaling.type", .string("none")), ("llama.rope.scaling.factor", .float32(4)),
        ])
        #expect(none.ropeScaling == .none)
    }

    @Test func aTensorDividesEachPair() throws {
        let configuration = try Self.configuration(divisors: [1, 2, 4, 8])
        #expect(Self.close(configuration.ropeFrequencies, [1, 0.05, 0.0025, 0.000125]))
    }

    @Test func yarnBlendsBetweenItsTwoBounds() throws {
        // n = 64, base 10000, L0 = 2048, f = 4: c(32) = 64·ln(2048/(64π))/(2·ln 10000) = 8.06…, c(1) = 20.1…
        let configuration = try Self.configuration(
            headDimension: 64,
            [
                ("llama.rope.scaling.type", .string("yarn")), ("llama.rope.scaling.factor", .float32(4)),
                ("llama.rope.scaling.original_context_length", .uint32(2048)),
            ])
        let low = floor(64 * log(2048 / (2 * Double.pi * 32)) / (2 * log(10000)))
        let high = ceil(64 * log(2048 / (2 * Double.pi)) / (2 * log(10000)))
        #expect(low == 8)
        #expect(high == 21)
        let frequencies = configuration.ropeFrequencies
        func plain(_ pair: Double) -> Double { pow(10000, -2 * pair / 64) }
        #expect(Self.close([frequencies[0], frequencies[8]], [plain(0), plain(8)]))  // kept
        #expect(Self.close([frequencies[21], frequencies[31]], [plain(21) / 4, plain(31) / 4]))  // interpolated
        // Pair 10 is 2/13 of the way down: θ·(2/13/4 + 11/13).
        #expect(Self.close([frequencies[10]], [plain(10) * (2.0 / 52 + 11.0 / 13)]))
        #expect(abs(configuration.ropeMagnitude - (1 + 0.1 * log(4))) < 1e-12)
    }

    @Test func yarnHonoursItsOwnParameters() throws {
        let configuration = try Self.configuration(
            headDimension: 64,
            [
                ("llama.rope.scaling.type", .string("yarn")), ("llama.rope.scaling.factor", .float32(2)),
                ("llama.rope.scaling.original_context_length", .uint32(2048)),
                ("llama.rope.scaling.yarn_ext_factor", .float32(0)), ("llama.rope.scaling.attn_factor", .float32(1.5)),
            ])
        #expect(abs(configuration.ropeFrequencies[0] - 0.5) < 1e-12)
        #expect(configuration.ropeMagnitude == 1.5)
    }

    @Test func onlyPartOfAHeadMayRotate() throws {
        let configuration = try Self.configuration([("llama.rope.dimension_count", .uint32(4))])
        #expect(Self.close(configuration.ropeFrequencies, [1, 0.01]))
    }
}
