// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import Foundation
import Testing

@Suite struct Int8ProductTests {
    /// Weights, input and factors of one input with several products.
    private struct Case {
        let weights: [WeightMatrix]
        let repacked: [RepackedMatrix]
        let x: Matrix<Float>
        let parts: [(a: Matrix<Float>, b: Matrix<Float>, scale: Float)?]
        let factors: LowRankFactors

        init(_ type: BlockType, tokens: Int, outputs: [Int], blocks: Int, ranks: [Int], seed: UInt64) {
            let columns = 32 * blocks
            weights = outputs.enumerated().map {
                Samples.weight(type, $0.element, columns, seed: seed + UInt64($0.offset))
            }
            let storage = Storage<UInt8>(count: weights.map(RepackedMatrix.byteCount).reduce(0, +))
            var offset = 0
            repacked = weights.map { weight in
                defer { offset += RepackedMatrix.byteCount(weight) }
                return RepackedMatrix(weight, in: storage, at: offset)
            }
            x = Samples.matrix(tokens, columns, seed: seed + 50)
            parts = zip(outputs, ranks).enumerated().map { index, sizes in
                guard sizes.1 > 0 else { return nil }
                return (
                    Samples.matrix(sizes.1, columns, seed: seed + 60 + UInt64(index), scale: 0.1),
                    Samples.matrix(sizes.0, sizes.1, seed: seed + 70 + UInt64(index), scale: 0.1),
                    Float(index) + 0.5
                )
            }
            let factorBytes = Storage<UInt8>(
                count: 64 + LowRankFactors.byteCount(inputs: columns, outputs: outputs, ranks: ranks))
            factors = LowRankFactors(inputs: columns, outputs: outputs, parts: parts, in: factorBytes, at: 64)
        }

        func products(_ terms: [LowRankRows], accumulating: Bool = false, of rows: Range<Int>? = nil) -> [Matrix<Float>]
        {
            let input = rows.map { x.rows($0) } ?? x
            let outputs = weights.map { Matrix<Float>(rows: input.rows, columns: $0.rows) }
            for y in outputs where accumulating { for index in y.buffer.indices { y.buffer[index] = 2 } }
            multiplyInt8(input, by: repacked, into: outputs, adding: terms, accumulating: accumulating)
            return outputs
        }

        /// Y = X̂·Wᵀ and s·(X̂·Âᵀ)·B̂ᵀ, which is added to `rows`, with X, A, B and the left factor of B̂ᵀ rounded as documented.
        func expected(_ index: Int, rows: Range<Int>, strength: Float) -> Matrix<Double> {
            let w: Matrix<Double> = Samples.expanded(weights[index])
            let y = Matrix<Double>(rows: x.rows, columns: w.rows)
            multiply(rounded(), w, transposed: true, into: y)
            guard let part = parts[index], !rows.isEmpty else { return y }
            let a = int8(part.a, groups: (0..<part.a.count).map { $0 / part.a.columns })
            let b = int8(part.b, groups: (0..<part.b.count).map { $0 % part.b.columns })
            let input = rounded().rows(rows)
            let inner = Matrix<Double>(rows: rows.count, columns: a.rows)
            multiply(input, a, transposed: true, into: inner, alpha: Double(part.scale) * Double(strength), beta: 0)
            // The scales of B's columns go to the left.
            let scales = (0..<b.columns).map { j in (0..<b.rows).map { abs(b[$0, j]) }.max()! / 127 }
            for i in 0..<b.rows { for j in 0..<b.columns { b[i, j] /= scales[j] } }
            let left = Matrix(
                rows: inner.rows, columns: inner.columns,
                inner.values.enumerated().map { Float($1 * scales[$0 % inner.columns]) })
            multiply(
                int8(left, groups: (0..<left.count).map { $0 / left.columns }), b, transposed: true,
                into: y.rows(rows), alpha: 1, beta: 1)
            return y
        }

        private func rounded() -> Matrix<Double> { int8(x, groups: (0..<x.count).map { $0 / 32 }) }

        /// `m` rounded to int8, each group of its elements with a scale of its own.
        private func int8(_ m: Matrix<Float>, groups: [Int]) -> Matrix<Double> {
            var scales: [Int: Float] = [:]
            for (group, value) in zip(groups, m.values) { scales[group] = max(scales[group] ?? 0, abs(value) / 127) }
            return Matrix(
                rows: m.rows, columns: m.columns,
                zip(groups, m.values).map { group, value in
                    let d = scales[group] ?? 0
                    return d > 0 ? Double(d) * Double((value / d).rounded(.toNearestOrEven)) : 0
                })
        }
    }

    private static let levels = [Kernels.Level.portable] + fastLevels

    @Test(arguments: [BlockType.q4_0, .q4_1, .q8_0])
    func everyLevelGivesTheProductOfTheRoundedInput(_ type: BlockType) {
        let shapes: [(tokens: Int, outputs: [Int], blocks: Int, ranks: [Int])] = [
            (1, [33], 1, [0]), (1, [16, 5, 40], 3, [3, 0, 9]), (2, [47], 2, [8]), (3, [1, 17], 5, [0, 1]),
            (7, [64, 32], 4, [5, 4]), (13, [50], 3, [2]), (21, [19, 48], 2, [4, 8]),
        ]
        for (number, shape) in shapes.enumerated() {
            let sample = Case(
                type, tokens: shape.tokens, outputs: shape.outputs, blocks: shape.blocks, ranks: shape.ranks,
                seed: UInt64(100 * number))
            let rows = shape.tokens / 3..<shape.tokens
            for level in Self.levels {
                let found = Kernels.at(level) {
                    sample.products([LowRankRows(sample.factors, rows: rows, strength: 0.5)])
                }
                for (index, y) in found.enumerated() {
                    let expected = sample.expected(index, rows: rows, strength: 0.5)
                    #expect(relativeError(y, expected) < 2e-3, "\(type) \(shape) at \(level)")
                }
            }
        }
    }

    @Test func theLevelsDifferByTheOrderOfSumsOnly() {
        for type in [BlockType.q4_0, .q4_1, .q8_0] {
            let sample = Case(type, tokens: 11, outputs: [37, 20], blocks: 6, ranks: [8, 3], seed: 5)
            let terms = [LowRankRows(sample.factors, rows: 0..<11)]
            let expected = Kernels.at(.portable) { sample.products(terms) }
            for level in fastLevels {
                for (y, z) in zip(Kernels.at(level) { sample.products(terms) }, expected) {
                    #expect(relativeError(y, z) < 1e-5, "\(type) at \(level)")
                }
            }
        }
    }

    @Test func aRowHasTheSameBytesWhateverRowsAreBesideIt() {
        for level in Self.levels {
            for type in [BlockType.q4_0, .q4_1, .q8_0] {
                let sample = Case(type, tokens: 23, outputs: [40, 16], blocks: 3, ranks: [4, 8], seed: 9)
                Kernels.at(level) {
                    let all = sample.products([LowRankRows(sample.factors, rows: 5..<23)])
                    for row in 0..<23 {
                        let terms = row < 5 ? [] : [LowRankRows(sample.factors, rows: 0..<1)]
                        for (one, many) in zip(sample.products(terms, of: row..<row + 1), all) {
                            #expect(one.values == many.rows(row..<row + 1).values, "\(type) row \(row) at \(level)")
                        }
                    }
                }
            }
        }
    }

    @Test func rowsTakeTheirOwnAdaptersAndAccumulate() {
        let sample = Case(.q4_1, tokens: 9, outputs: [35, 18], blocks: 2, ranks: [3, 5], seed: 2)
        let other = Case(.q4_1, tokens: 9, outputs: [35, 18], blocks: 2, ranks: [0, 7], seed: 40)
        let base = sample.products([])
        let first = sample.products([LowRankRows(sample.factors, rows: 0..<9)])
        let second = sample.products([LowRankRows(other.factors, rows: 0..<9, strength: -2)])
        let mixed = sample.products([
            LowRankRows(sample.factors, rows: 1..<4), LowRankRows(other.factors, rows: 4..<8, strength: -2),
        ])
        let added = sample.products([], accumulating: true)
        for index in base.indices {
            let expected = [0..<1: base, 1..<4: first, 4..<8: second, 8..<9: base]
            for (rows, alone) in expected {
                #expect(mixed[index].rows(rows).values == alone[index].rows(rows).values)
            }
            #expect(added[index].values == base[index].values.map { $0 + 2 })
        }
    }

    @Test func numbersThatAreNotFiniteStayVisible() {
        for level in Self.levels {
            for bad in [Float.nan, .infinity] {
                let sample = Case(.q8_0, tokens: 2, outputs: [16], blocks: 2, ranks: [0], seed: 3)
                sample.x[1, 40] = bad
                let y = Kernels.at(level) { sample.products([])[0] }
                #expect(allFinite(y.rows(0..<1)))
                #expect(y.rows(1..<2).values.filter(\.isNaN).count == 16)
            }
        }
    }

    @Test func zerosStayZero() {
        let sample = Case(.q4_0, tokens: 1, outputs: [16], blocks: 1, ranks: [0], seed: 3)
        for index in sample.x.buffer.indices { sample.x.buffer[index] = 0 }
        for level in Self.levels {
            #expect(Kernels.at(level) { sample.products([])[0].values } == .init(repeating: 0, count: 16))
        }
    }

    @Test func otherTypesHaveNoRepackedForm() {
        for type in BlockType.allCases where ![.q4_0, .q4_1, .q8_0].contains(type) {
            #expect(RepackedMatrix.byteCount(Samples.weight(type, 2, 256, seed: 1)) == 0)
        }
        #expect(RepackedMatrix.byteCount(Samples.weight(.q4_1, 17, 96, seed: 1)) == 2 * 3 * 320)
    }
}
