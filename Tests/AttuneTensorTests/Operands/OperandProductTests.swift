// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor
import Testing

@Suite struct OperandProductTests {
    /// Y = X·Wᵀ + b + Σ s·U·Bᵀ + Y, or its transpose, in float64 with weights and s·F rounded to bfloat16, and the same
    /// of all magnitudes.
    struct Expected {
        let value, size: Matrix<Double>

        init(
            _ x: Matrix<BFloat16>, _ w: WeightMatrix, transposed: Bool, bias: Matrix<Float>? = nil,
            terms: [Term] = [], old: Matrix<Float>? = nil
        ) {
            let weights = Rounded.doubles(Rounded.matrix(Samples.expanded(w)))
            let outputs = transposed ? w.columns : w.rows
            value = Matrix(rows: x.rows, columns: outputs)
            size = Matrix(rows: x.rows, columns: outputs)
            for row in 0..<x.rows {
                for column in 0..<outputs {
                    let (b, y) = (Double(bias?[0, column] ?? 0), Double(old?[row, column] ?? 0))
                    value.pointer[row * outputs + column] = b + y
                    size.pointer[row * outputs + column] = abs(b) + abs(y)
                }
            }
            add(Rounded.doubles(x), weights, transposed, 0..<x.rows)
            for term in terms {
                let rank = transposed ? term.factor.rows : term.factor.columns
                let scaled = Matrix<Float>(
                    rows: term.factor.rows, columns: term.factor.columns, term.factor.values.map { $0 * term.scale })
                add(
                    Rounded.doubles(term.inner, columns: rank), Rounded.doubles(Rounded.matrix(scaled)), transposed,
                    term.rows)
            }
        }

        private func add(_ x: Matrix<Double>, _ w: Matrix<Double>, _ transposed: Bool, _ rows: Range<Int>) {
            multiply(x, w, transposed: !transposed, into: value.rows(rows), beta: 1)
            multiply(
                Rounded.magnitudes(x), Rounded.magnitudes(w), transposed: !transposed, into: size.rows(rows), beta: 1)
        }
    }

    struct Term {
        let rows: Range<Int>
        let inner: Matrix<BFloat16>
        let factor: Matrix<Float>
        let scale: Float

        init(_ rows: Range<Int>, rank: Int, outputs: Int, transposed: Bool, seed: UInt64) {
            self.rows = rows
            // The number beside an odd rank's last is left over from something else, and counts for nothing.
            inner = Rounded.matrix(rows.count, innerColumns(rank: rank), seed: seed)
            factor =
                transposed
                ? Samples.matrix(rank, outputs, seed: seed + 1) : Samples.matrix(outputs, rank, seed: seed + 1)
            scale = 1.7
        }

        var described: LowRankTerm<BFloat16> {
            LowRankTerm(rows: rows, inner: inner, factor: factor, scale: scale)
        }
    }

    /// Terms of odd and even ranks; some rows between them and at the end have none.
    static func terms(_ rows: Int, outputs: Int, transposed: Bool) -> [Term] {
        guard rows > 2 else { return [Term(0..<rows, rank: 5, outputs: outputs, transposed: transposed, seed: 40)] }
        return [
            Term(0..<rows / 3, rank: 3, outputs: outputs, transposed: transposed, seed: 41),
            Term(rows / 3..<rows / 3, rank: 2, outputs: outputs, transposed: transposed, seed: 42),
            Term(rows / 2..<rows - 1, rank: 8, outputs: outputs, transposed: transposed, seed: 43),
        ]
    }

    /// Levels that read few rows' weights without rounding them are off by that one rounding.
    static func slack(_ level: Kernels.Level, rows: Int, stride: Int) -> Double {
        let own = level == .portable || (level == .avx512bf16 && stride % 2 == 0)
        return rows > 8 || own ? Rounded.sums : Rounded.unit
    }

    @Test(arguments: [1, 3, 13, 193, 257])
    func weightsThatShareAnInputFollowTheDefinition(_ rows: Int) {
        let groups: [[BlockType]] = [[.q4_1, .q8_0, .f32], [.q4K, .bf16], [.q6K]]
        for (group, types) in groups.prefix(rows > 13 ? 1 : 3).enumerated() {
            let columns = group == 0 ? 64 : 256
            let x = Rounded.matrix(rows, columns, seed: 1)
            let weights = types.enumerated().map {
                Samples.weight($1, [40, 33, 70][$0], columns, seed: UInt64($0 + 2))
            }
            let terms = weights.map { Self.terms(rows, outputs: $0.rows, transposed: false) }
            let bias: Matrix<Float> = Samples.matrix(1, 33, seed: 6)
            let old: Matrix<Float> = Samples.matrix(rows, 33, seed: 7)
            let expected = weights.indices.map { index in
                Expected(
                    x, weights[index], transposed: false, bias: index == 1 ? bias : nil,
                    terms: index < 2 ? terms[index] : [], old: index == 1 ? old : nil)
            }
            for level in allLevels {
                let sum = Matrix<Float>(rows: rows, columns: 33, old.values)
                let outputs: [ProductOutput<BFloat16>] = [
                    .operand(Matrix(rows: rows, columns: 40)), .sum(sum), .exact(Matrix(rows: rows, columns: 70)),
                ]
                Kernels.at(level) {
                    x.multiply(
                        weights.indices.map { index in
                            LinearProduct(
                                weights[index], bias: index == 1 ? bias : nil, into: outputs[index],
                                terms: index < 2 ? terms[index].map(\.described) : [])
                        })
                }
                for (output, expected) in zip(outputs, expected) {
                    let slack = Self.slack(level, rows: rows, stride: columns)
                    let excess = Rounded.excess(output, expected.value, size: expected.size, slack: slack)
                    #expect(excess <= 1, "\(level), group \(group)")
                }
            }
        }
    }

    @Test(arguments: [1, 3, 13, 193, 257])
    func transposedProductsFollowTheDefinition(_ rows: Int) {
        // 33 outputs make an odd distance from row to row.
        for (type, outputs) in [(BlockType.q4_1, 40), (.q8_0, 33), (.q4K, 34), (.f32, 70), (.bf16, 9)] {
            if rows > 13, type == .q4K { continue }
            let columns = type.elements == 1 ? 45 : type == .q4K ? 256 : 64
            let dy = Rounded.matrix(rows, outputs, seed: 1)
            let w = Samples.weight(type, outputs, columns, seed: 2)
            let terms = Self.terms(rows, outputs: columns, transposed: true)
            let old: Matrix<Float> = Samples.matrix(rows, columns, seed: 3)
            let whole = Expected(dy, w, transposed: true, terms: terms)
            let added = Expected(dy, w, transposed: true, terms: terms, old: old)
            for level in allLevels {
                let sum = Matrix<Float>(rows: rows, columns: columns, old.values)
                let once = Matrix<BFloat16>(rows: rows, columns: columns)
                Kernels.at(level) {
                    for output in [ProductOutput<BFloat16>.sum(sum), .operand(once)] {
                        dy.multiplyTransposed(
                            LinearProduct(
                                w, into: output, terms: terms.map(\.described)))
                    }
                }
                let slack = Rounded.sums
                #expect(Rounded.excess(sum, added.value, size: added.size, slack: slack) <= 1, "\(level) \(type)")
                #expect(Rounded.excess(once, whole.value, size: whole.size, slack: slack) <= 1, "\(level) \(type)")
            }
        }
    }

    @Test(arguments: [2048, 2049, 2050, 4512])
    func deepProductsAreSplitOnlyWhereTheyAreNotRounded(_ depth: Int) {
        let rows = 13
        let x = Rounded.matrix(rows, depth, seed: 1)
        let w = Samples.weight(depth % 32 == 0 ? .q8_0 : .f32, 33, depth, seed: 2)
        let tall = Samples.weight(.q4_1, depth, 64, seed: 3)
        let bias: Matrix<Float> = Samples.matrix(1, 33, seed: 4)
        let old: Matrix<Float> = Samples.matrix(rows, 33, seed: 5)
        let terms = Self.terms(rows, outputs: 33, transposed: false)
        let back = Self.terms(rows, outputs: 64, transposed: true)
        let whole = Expected(x, w, transposed: false, bias: bias, terms: terms)
        let added = Expected(x, w, transposed: false, bias: bias, terms: terms, old: old)
        let below = Expected(x, tall, transposed: true, terms: back)
        for level in allLevels {
            let sum = Matrix<Float>(rows: rows, columns: 33, old.values)
            let once = Matrix<BFloat16>(rows: rows, columns: 33)
            let alone = Matrix<Float>(rows: rows, columns: 33, old.values)
            let dx: Matrix<Float> = Samples.matrix(rows, 64, seed: 6)
            Kernels.at(level) {
                let terms = terms.map(\.described)
                x.multiply([
                    LinearProduct(w, bias: bias, into: .sum(sum), terms: terms),
                    LinearProduct(w, bias: bias, into: .operand(once), terms: terms),
                ])
                x.multiply([LinearProduct(w, bias: bias, into: .exact(alone), terms: terms)])
                x.multiplyTransposed(LinearProduct(tall, into: .exact(dx), terms: back.map(\.described)))
            }
            let slack = Rounded.sums
            #expect(Rounded.excess(sum, added.value, size: added.size, slack: slack) <= 1, "\(level)")
            #expect(Rounded.excess(once, whole.value, size: whole.size, slack: slack) <= 1, "\(level)")
            #expect(Rounded.excess(alone, whole.value, size: whole.size, slack: slack) <= 1, "\(level)")
            #expect(Rounded.excess(dx, below.value, size: below.size, slack: slack) <= 1, "\(level)")
        }
    }

    @Test(arguments: [1, 3, 13, 193, 257], [64, 35])
    func gatedProductsRoundTheHiddenNumbersOnce(_ rows: Int, _ depth: Int) {
        let outputs = 70
        let x = Rounded.matrix(rows, depth, seed: 1)
        let type: BlockType = depth == 64 ? .q4_1 : .f32
        let (gate, up) = (
            Samples.weight(type, outputs, depth, seed: 2), Samples.weight(type, outputs, depth, seed: 3)
        )
        let bias: Matrix<Float> = Samples.matrix(1, outputs, seed: 4)
        let terms = Self.terms(rows, outputs: outputs, transposed: false)
        let g = Expected(x, gate, transposed: false, bias: bias, terms: terms)
        let u = Expected(x, up, transposed: false, terms: terms)
        let h = Matrix<Double>(rows: rows, columns: outputs)
        swiGLU(gate: g.value, up: u.value, into: h)
        // The derivative of g·σ(g) is below 1.1.
        let size = Matrix<Double>(
            rows: rows, columns: outputs,
            (0..<h.count).map {
                1.1 * g.size.pointer[$0] * (abs(u.value.pointer[$0]) + 1e-3 * u.size.pointer[$0])
                    + abs(g.value.pointer[$0]) * u.size.pointer[$0]
            })
        for level in allLevels {
            let found = (0..<3).map { _ in Matrix<BFloat16>(rows: rows, columns: outputs) }
            Kernels.at(level) {
                x.multiply(
                    gate, bias: bias, gate: found[0], up, up: found[1], hidden: found[2],
                    terms: terms.map(\.described), terms.map(\.described))
            }
            let slack = Self.slack(level, rows: rows, stride: depth)
            #expect(Rounded.excess(found[0], g.value, size: g.size, slack: slack) <= 1, "\(level)")
            #expect(Rounded.excess(found[1], u.value, size: u.size, slack: slack) <= 1, "\(level)")
            #expect(Rounded.excess(found[2], h, size: size, slack: 1.1 * slack) <= 1, "\(level)")
        }
    }

    @Test(arguments: [1, 14, 33]) func aGradientThatIsUsedUpIsRoundedWhereItLies(_ rows: Int) {
        for outputs in [40, 193, 1030] {
            let w = Samples.weight(.q4_1, outputs, 64, seed: 1)
            let dy: Matrix<Float> = Samples.matrix(rows, outputs, seed: 2)
            let expected = Expected(Rounded.matrix(dy), w, transposed: true)
            for level in allLevels {
                let copy = Matrix<Float>(rows: rows, columns: outputs, dy.values)
                let dx: Matrix<Float> = Samples.matrix(rows, 64, seed: 3)
                Kernels.at(level) { multiplyTransposed(consuming: copy, by: w, into: dx, precision: .bfloat16) }
                let excess = Rounded.excess(dx, expected.value, size: expected.size, slack: Rounded.sums)
                #expect(excess <= 1, "\(level), \(outputs) outputs")
            }
        }
    }
}
