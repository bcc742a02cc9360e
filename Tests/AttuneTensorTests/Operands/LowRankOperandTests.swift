// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import Testing

@Suite struct LowRankOperandTests {
    typealias Expected = OperandProductTests.Expected

    private static func weight(_ x: Matrix<Float>) -> WeightMatrix {
        Samples.weight(
            .f32, x.rows, x.columns, bytes: x.values.flatMap { Samples.littleEndian($0.bitPattern, 4) })
    }

    /// The first `rank` columns as an operand of their own.
    private static func leading(_ x: Matrix<BFloat16>, _ rank: Int) -> Matrix<BFloat16> {
        let numbers = Rounded.doubles(x, columns: rank)
        return Matrix(rows: x.rows, columns: rank, numbers.values.map { BFloat16(Float($0)) })
    }

    @Test(arguments: [1, 3, 13, 193, 257])
    func projectionsFollowTheDefinition(_ rows: Int) {
        let ranks = [3, 8]
        let x = Rounded.matrix(rows, 76, seed: 1)
        let factors: [Matrix<Float>] = ranks.map { Samples.matrix($0, 76, seed: UInt64($0)) }
        let back: Matrix<Float> = Samples.matrix(76, 5, seed: 2)
        let expected = factors.map { Expected(x, Self.weight($0), transposed: false) }
        let below = Expected(x, Self.weight(back), transposed: true)
        for level in allLevels {
            // 8 columns for a rank of 3: another adapter at the same site may have more.
            let inners = ranks.map { _ in Matrix<BFloat16>(rows: rows, columns: 8) }
            let u = Matrix<BFloat16>(rows: rows, columns: 6)
            for memory in inners + [u] { for index in 0..<memory.count { memory.pointer[index] = BFloat16(.nan) } }
            Kernels.at(level) {
                x.project(factors, into: inners)
                x.projectTransposed(back, into: u)
            }
            let slack = OperandProductTests.slack(level, rows: rows, stride: 76)
            for (index, rank) in ranks.enumerated() {
                let found = Self.leading(inners[index], rank)
                let (value, size) = (expected[index].value, expected[index].size)
                #expect(Rounded.excess(found, value, size: size, slack: slack) <= 1, "\(level), rank \(rank)")
            }
            let found = Self.leading(u, 5)
            #expect(Rounded.excess(found, below.value, size: below.size, slack: Rounded.sums) <= 1, "\(level)")
        }
    }

    @Test func aNaNLeftBesideAnOddRankReachesNoProduct() {
        let rows = 13
        let x = Rounded.matrix(rows, 64, seed: 1)
        let w = Samples.weight(.q4_1, 40, 64, seed: 2)
        let (a, b): (Matrix<Float>, Matrix<Float>) = (Samples.matrix(3, 64, seed: 3), Samples.matrix(40, 3, seed: 4))
        for level in allLevels {
            let inner = Matrix<BFloat16>(rows: rows, columns: 8)
            for index in 0..<inner.count { inner.pointer[index] = BFloat16(.nan) }
            let y = Matrix<Float>(rows: rows, columns: 40)
            Kernels.at(level) {
                x.project([a], into: [inner])
                let term = LowRankTerm<BFloat16>(rows: 0..<rows, inner: inner, factor: b, scale: 2)
                x.multiply([LinearProduct(w, into: .exact(y), terms: [term])])
            }
            #expect(allFinite(y), "\(level)")
        }
    }

    @Test(arguments: [1, 3, 13, 193, 257])
    func expansionsFollowTheDefinition(_ rows: Int) {
        for rank in [3, 8] {
            let u = Rounded.matrix(rows, innerColumns(rank: rank), seed: 1)
            let a: Matrix<Float> = Samples.matrix(rank, 45, seed: 2)
            let expected = Expected(Self.leading(u, rank), Self.weight(a), transposed: true)
            for level in allLevels {
                let y: Matrix<Float> = Samples.matrix(rows, 45, seed: 3)
                Kernels.at(level) {
                    u.expand(a, into: y, scale: 4)
                    scale(y, by: 0.25)
                }
                let excess = Rounded.excess(y, expected.value, size: expected.size, slack: Rounded.sums)
                #expect(excess <= 1, "\(level), rank \(rank)")
            }
        }
    }

    @Test(arguments: [1, 3, 13, 193, 257])
    func gradientsOfFactorsFollowTheDefinition(_ rows: Int) {
        for (rank, columns) in [(3, 45), (8, 64), (17, 31)] {
            let u = Rounded.matrix(rows, innerColumns(rank: rank), seed: 1)
            let x = Rounded.matrix(rows, columns, seed: 2)
            let (left, right) = (Rounded.doubles(u, columns: rank), Rounded.doubles(x))
            let old: Matrix<Float> = Samples.matrix(rank, columns, seed: 3)
            for transposed in [false, true] {
                let start = transposed ? old.reshaped(rows: columns, columns: rank) : old
                let value = Rounded.doubles(start)
                let size = Rounded.magnitudes(value)
                let (a, b) = transposed ? (right, left) : (left, right)
                multiply(a, transposed: true, b, into: value, alpha: 1.5, beta: 1)
                multiply(
                    Rounded.magnitudes(a), transposed: true, Rounded.magnitudes(b), into: size, alpha: 1.5, beta: 1)
                for level in allLevels {
                    let g = Matrix<Float>(rows: start.rows, columns: start.columns, start.values)
                    Kernels.at(level) {
                        if transposed {
                            u.addGradient(ofRows: x, into: g, scale: 1.5)
                        } else {
                            u.addGradient(x, into: g, scale: 1.5)
                        }
                    }
                    let excess = Rounded.excess(g, value, size: size, slack: Rounded.sums)
                    #expect(excess <= 1, "\(level), rank \(rank), transposed \(transposed)")
                }
            }
        }
    }

    @Test func exactOperandsGiveTheSameUpToRounding() {
        // Weights and operands that bfloat16 holds make both cases the same but for the rounded s·B.
        let x = Rounded.matrix(20, 64, seed: 1)
        let exact = Matrix<Float>(rows: 20, columns: 64, x.values.map(\.value))
        let w = Samples.weight(.bf16, 31, 64, seed: 2)
        let bias: Matrix<Float> = Samples.matrix(1, 31, seed: 3)
        let term = OperandProductTests.Term(4..<11, rank: 3, outputs: 31, transposed: false, seed: 4)
        let wide = Matrix<Float>(
            rows: 7, columns: 3, Rounded.doubles(term.inner, columns: 3).values.map { Float($0) })
        // Exact inner products lie without gaps in memory that is one column wider.
        let inner = Matrix<Float>(rows: 7, columns: 4)
        inner.leading(7, 3).copy(from: wide)
        let (a, b) = (Matrix<Float>(rows: 20, columns: 31), Matrix<Float>(rows: 20, columns: 31))
        x.multiply([LinearProduct(w, bias: bias, into: .exact(a), terms: [term.described])])
        let other = LowRankTerm(rows: 4..<11, inner: inner, factor: term.factor, scale: term.scale)
        exact.multiply([LinearProduct(w, bias: bias, into: .exact(b), terms: [other])])
        #expect(relativeError(a, b) < Rounded.unit)
        #expect(relativeError(a.rows(0..<4), b.rows(0..<4)) < 2e-6)
    }
}
