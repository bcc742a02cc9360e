// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import AttuneTestSupport
import Foundation
import Testing

/// AdamW with moments of 8 bits, against bitsandbytes and against its portable twin.
@Suite struct QuantizedMomentsTests {
    /// Made by `tools/peers/adamw8bit-vectors`.
    struct Vectors: Decodable {
        struct Moment: Decodable {
            let codes: HexBytes
            let scales: [Float]
            let floats: [Float]
        }
        let sizes: [Int]
        let steps: Int
        let signed: [Float]
        let unsigned: [Float]
        /// Every seventh parameter of each tensor.
        let parameters: [[Float]]
        let native: [[Float]]
        let m: Moment
        let v: Moment

        static func load() throws -> Vectors {
            let file = TestBase.vectors.appending(path: "adamw8bit.json")
            return try JSONDecoder().decode(Vectors.self, from: Data(contentsOf: file))
        }

        /// The start where `step` is 0, else a gradient: the rule of the script.
        func numbers(step: Int) -> Matrix<Float> {
            let numbers = sizes.enumerated().flatMap { tensor, count in
                (0..<count).map { i in
                    let divisors: [Double] = [1, 3, 10, 30, 100]
                    return Float(
                        Double((i * 7919 + step * 104729 + tensor * 31) % 2001 - 1000) / 1000
                            / divisors[(i + step) % 5])
                }
            }
            return Matrix(rows: 1, columns: numbers.count, numbers)
        }
    }

    private var levels: [Kernels.Level] { Kernels.Level.allCases.filter { $0 <= Kernels.bestLevel } }

    private func step(_ number: Int, beta1: Double = 0.9, beta2: Double = 0.999) -> AdamWStep {
        AdamWStep(
            step: number, rate: 0.01, beta1: beta1, beta2: beta2, epsilon: 1e-8, weightDecay: 0.1, gradientScale: 1)
    }

    @Test func mapsAreThoseOfBitsandbytesToTheBit() throws {
        let vectors = try Vectors.load()
        #expect(QuantizedMoments.map(signed: true) == vectors.signed)
        #expect(QuantizedMoments.map(signed: false) == vectors.unsigned)
    }

    @Test func stepsAreThoseOfBitsandbytes() throws {
        let vectors = try Vectors.load()
        for level in levels {
            let parameters = vectors.numbers(step: 0)
            let moments = QuantizedMoments(tensors: vectors.sizes)
            for number in 1...vectors.steps {
                let gradients = vectors.numbers(step: number)
                Kernels.at(level) {
                    adamW(step(number), parameters: parameters, gradients: gradients, moments: moments)
                }
            }
            for (moment, expected) in [(moments.m, vectors.m), (moments.v, vectors.v)] {
                // Where a number lies halfway between two values, the last bit of a sum decides.
                let other = zip(moment.codes.values, expected.codes.bytes).filter { $0 != $1 }
                #expect(other.count < expected.codes.bytes.count / 500)
                #expect(other.allSatisfy { $0.distance(to: $1) < 2 })
                #expect(zip(moment.scales.values, expected.scales).allSatisfy { abs($0 - $1) <= 1e-6 * $1 })
                #expect(
                    zip(moment.floats.values, expected.floats).allSatisfy { abs($0 - $1) <= 1e-6 * abs($1) + 1e-8 })
            }
            var first = 0
            for (tensor, size) in vectors.sizes.enumerated() {
                let own = stride(from: first, to: first + size, by: 7).map { parameters.pointer[$0] }
                let far = zip(own, vectors.parameters[tensor]).filter { abs($0 - $1) > 1e-6 }
                #expect(far.count < 4, "\(level)")
                #expect(far.allSatisfy { abs($0 - $1) < 1e-3 }, "\(level)")
                // Its own kernel finds codes near zero less exactly.
                #expect(zip(own, vectors.native[tensor]).allSatisfy { abs($0 - $1) < 2e-3 }, "\(level)")
                first += size
            }
        }
    }

    @Test func everyLevelFindsTheNearestCode() {
        let map = QuantizedMoments.map(signed: true)
        let roots = QuantizedMoments.map(signed: false).map { $0.squareRoot() }
        var values: [Float] = []
        for (low, high) in zip(map, map.dropFirst()) {
            let middle = (low + high) / 2
            values += [low, middle, middle.nextUp, middle.nextDown]
        }
        values += roots.flatMap { [$0, -$0.nextUp] }
        let stream = RandomStream(seed: 5)
        values += (0..<6000).map {
            let size = Float(exp(-20 * stream.uniform(at: UInt64(2 * $0))))
            return stream.bits(at: UInt64(2 * $0 + 1)) & 1 == 0 ? size : -size
        }
        // Every block has a 1, so that its scale is 1 and its numbers are coded as they are.
        let count = (values.count + 254) / 255 * 256
        let gradients = Matrix<Float>(
            rows: 1, columns: count,
            (0..<count).map { i in
                i % 256 == 0 ? 1 : values[(i / 256 * 255 + i % 256 - 1) % values.count]
            })
        let results = levels.map { level in
            let moments = QuantizedMoments(tensors: [count])
            let parameters = Matrix<Float>(rows: 1, columns: count)
            Kernels.at(level) {
                adamW(
                    step(1, beta1: 0, beta2: 0), parameters: parameters, gradients: gradients, moments: moments)
            }
            return moments
        }
        for (level, moments) in zip(levels, results) {
            #expect(moments.m.codes.values == results[0].m.codes.values, "\(level)")
            #expect(moments.v.codes.values == results[0].v.codes.values, "\(level)")
        }
        for (value, code) in zip(gradients.values, results[0].m.codes.values) {
            let distance = abs(map[Int(code)] - value)
            #expect(map.allSatisfy { abs($0 - value) >= distance * 0.9999 }, "\(value)")
        }
    }

    @Test func momentsOfAnySizeFollowTheFormula() {
        for sizes in [[1], [4095, 4096, 4097], [16384, 3, 16385, 20_000]] {
            let count = sizes.reduce(0, +)
            let full = (Matrix<Float>(rows: 1, columns: count), Matrix<Float>(rows: 1, columns: count))
            let start: Matrix<Float> = Samples.matrix(1, count, seed: 2)
            let wide = Matrix<Float>(rows: 1, columns: count, start.values)
            let narrow = Matrix<Float>(rows: 1, columns: count, start.values)
            let moments = QuantizedMoments(tensors: sizes)
            for number in 1...3 {
                let g: Matrix<Float> = Samples.matrix(1, count, seed: UInt64(number))
                adamW(step(number), parameters: wide, gradients: g, m: full.0, v: full.1)
                adamW(step(number), parameters: narrow, gradients: g, moments: moments)
            }
            // A step of 0.01 with moments that are a few percent off.
            #expect(zip(wide.values, narrow.values).allSatisfy { abs($0 - $1) < 0.03 })
            let mean = zip(wide.values, narrow.values).reduce(0) { $0 + abs($1.0 - $1.1) } / Float(count)
            #expect(mean < 5e-4)
            var first = 0
            for size in sizes {
                if size < 4096 { #expect(wide.values[first..<first + size] == narrow.values[first..<first + size]) }
                first += size
            }
        }
    }

    @Test func numbersThatAreNotFiniteHarmNothingElse() {
        for level in levels {
            let moments = QuantizedMoments(tensors: [8192])
            let parameters = Matrix<Float>(rows: 1, columns: 8192)
            let gradients: Matrix<Float> = Samples.matrix(1, 8192, seed: 1)
            gradients.pointer[300] = .nan
            gradients.pointer[600] = 1e30
            Kernels.at(level) {
                adamW(step(1), parameters: parameters, gradients: gradients, moments: moments)
                gradients.pointer[300] = 0
                adamW(step(2), parameters: parameters, gradients: gradients, moments: moments)
            }
            #expect(parameters.pointer[300].isNaN)
            #expect(!parameters.pointer[9].isNaN)
            #expect(!parameters.pointer[800].isNaN)
        }
    }

    @Test func smallTensorsStayFloat32() {
        let layout = QuantizedMoments.Layout(tensors: [4095, 4096, 4097])
        #expect(layout.count == 12_288)
        #expect(layout.floats == 4095)
        #expect(layout.codes == 8193)
        #expect(layout.scales == 33)
        #expect(layout.bytes == 2 * (8193 + 4 * 33 + 4 * 4095))
        let empty = QuantizedMoments(tensors: [])
        adamW(
            step(1), parameters: Matrix(rows: 1, columns: 0), gradients: Matrix(rows: 1, columns: 0), moments: empty)
    }
}
