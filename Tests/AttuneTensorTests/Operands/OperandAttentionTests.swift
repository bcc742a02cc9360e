// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor
import Testing

@Suite struct OperandAttentionTests {
    typealias Case = AttentionTests.Case

    static let cases = [
        Case(heads: 4, keyValueHeads: 2, headDimension: 64, lengths: [1, 49, 200]),
        Case(heads: 6, keyValueHeads: 2, headDimension: 10, lengths: [200, 1, 49]),
        Case(heads: 3, keyValueHeads: 1, headDimension: 34, lengths: [48, 0, 97]),
        Case(heads: 2, keyValueHeads: 2, headDimension: 33, lengths: [50, 7]),  // odd: no pairs
    ]

    struct Run {
        let q, k: Matrix<Float>
        let v, dO, o: Matrix<BFloat16>
        let l, dq, dk, dv: Matrix<Float>

        init(_ c: Case) {
            let (wide, narrow) = (c.heads * c.headDimension, c.keyValueHeads * c.headDimension)
            q = Samples.matrix(c.tokens, wide, seed: 1)
            k = Samples.matrix(c.tokens, narrow, seed: 2)
            v = Rounded.matrix(c.tokens, narrow, seed: 3)
            dO = Rounded.matrix(c.tokens, wide, seed: 4)
            o = Matrix(rows: c.tokens, columns: wide)
            l = Matrix(rows: c.tokens, columns: c.heads)
            dq = Matrix(rows: c.tokens, columns: wide)
            dk = Matrix(rows: c.tokens, columns: narrow)
            dv = Matrix(rows: c.tokens, columns: narrow)
            clear()
        }

        /// Fills the results with NaN, of which a level must leave none.
        func clear() {
            for result in [l, dq, dk, dv] { result.pointer.update(repeating: .nan, count: result.count) }
            o.pointer.update(repeating: BFloat16(.nan), count: o.count)
        }

        func run(_ c: Case) {
            attention(
                q: q, k: k, v: v, headDimension: c.headDimension, segments: c.segments, scale: 0.2,
                into: o, logSumExp: l)
            attentionBackward(
                dO: dO, q: q, k: k, v: v, o: o, logSumExp: l,
                headDimension: c.headDimension, segments: c.segments, scale: 0.2, into: dq, dk: dk, dv: dv)
        }

        /// The same in float64.
        func exact(_ c: Case) -> (o: Matrix<Double>, l: Matrix<Double>, gradients: [Matrix<Double>]) {
            let (q, k, v) = (Rounded.doubles(self.q), Rounded.doubles(self.k), Rounded.doubles(self.v))
            let (o, l) = (
                Matrix<Double>(rows: q.rows, columns: q.columns), Matrix<Double>(rows: q.rows, columns: c.heads)
            )
            attention(
                q: q, k: k, v: v, headDimension: c.headDimension, segments: c.segments, scale: 0.2, into: o,
                logSumExp: l)
            let gradients = [q, k, k].map { Matrix<Double>(rows: $0.rows, columns: $0.columns) }
            attentionBackward(
                dO: Rounded.doubles(dO), q: q, k: k, v: v, o: o, logSumExp: l, headDimension: c.headDimension,
                segments: c.segments, scale: 0.2, into: gradients[0], dk: gradients[1], dv: gradients[2])
            return (o, l, gradients)
        }

        /// Σ p|v|, which the rounding of p is relative to.
        func size(_ c: Case) -> Matrix<Double> {
            let o = Matrix<Double>(rows: q.rows, columns: q.columns)
            attention(
                q: Rounded.doubles(q), k: Rounded.doubles(k), v: Rounded.magnitudes(Rounded.doubles(v)),
                headDimension: c.headDimension, segments: c.segments, scale: 0.2, into: o,
                logSumExp: Matrix(rows: q.rows, columns: c.heads))
            return o
        }
    }

    @Test(arguments: cases)
    func everyLevelAgreesWithDouble(_ c: Case) {
        let run = Run(c)
        let (exact, size) = (run.exact(c), run.size(c))
        for level in allLevels {
            run.clear()
            Kernels.at(level) { run.run(c) }
            #expect(Rounded.excess(run.o, exact.o, size: size, slack: Rounded.unit) <= 1, "\(level)")
            #expect(relativeError(run.l, exact.l) < 3e-6, "\(level)")
            // dV rounds P; dQ and dK round dS and one factor more, or take D from a rounded O.
            #expect(relativeError(run.dv, exact.gradients[2]) < Rounded.unit, "\(level)")
            #expect(relativeError(run.dq, exact.gradients[0]) < 2 * Rounded.unit, "\(level)")
            #expect(relativeError(run.dk, exact.gradients[1]) < 2 * Rounded.unit, "\(level)")
        }
    }

    @Test func aNaNInTheScoresStaysVisibleInItsSegmentAlone() {
        let c = Case(heads: 2, keyValueHeads: 1, headDimension: 16, lengths: [20, 60])
        for level in allLevels {
            for key in [false, true] {
                let run = Run(c)
                // Token 30 is the eleventh of the second segment; a query spoils its row, a key all rows from there.
                if key { run.k[30, 3] = .nan } else { run.q[30, 3] = .nan }
                Kernels.at(level) { run.run(c) }
                for row in key ? [30, 31, 79] : [30] {
                    let o = run.o.rows(row..<row + 1).values[..<16].map(\.value.isNaN)
                    let dq = run.dq.rows(row..<row + 1).values[..<16].map(\.isNaN)
                    #expect(!o.contains(false), "\(level), row \(row)")
                    #expect(!dq.contains(false), "\(level), row \(row)")
                    #expect(run.l[row, 0].isNaN, "\(level), row \(row)")
                }
                #expect(run.dk[25, 0].isNaN, "\(level)")
                #expect(run.dv[25, 0].isNaN, "\(level)")
                let first = 0..<20
                let untouched = [run.l, run.dq, run.dk, run.dv].map { allFinite($0.rows(first)) }
                let seen = run.o.rows(0..<30).values.map(\.value.isFinite)
                #expect(!untouched.contains(false), "\(level)")
                #expect(!seen.contains(false), "\(level)")
            }
        }
    }
}

extension ThreadTests {
    /// The bits of every operation on rounded operands, on shapes that make many chunks.
    private func roundedFingerprint(_ level: Kernels.Level) -> [[Double]] {
        Kernels.at(level) {
            let rows = 257
            let x = Rounded.matrix(rows, 128, seed: 1)
            let weights = [150, 150, 64].map { Samples.weight(.q4_1, $0, 128, seed: UInt64($0)) }
            let outputs = weights.map { Matrix<BFloat16>(rows: rows, columns: $0.rows) }
            let terms = OperandProductTests.terms(rows, outputs: 150, transposed: false).map(\.described)
            let hidden = Matrix<BFloat16>(rows: rows, columns: 150)
            let dx = Matrix<Float>(rows: rows, columns: 128)
            x.multiply(weights[0], gate: outputs[0], weights[1], up: outputs[1], hidden: hidden, terms: terms, [])
            x.multiply([LinearProduct(weights[2], into: .operand(outputs[2]))])
            hidden.multiplyTransposed(LinearProduct(weights[0], into: .exact(dx)))
            let gradient = Matrix<Float>(rows: 5, columns: 150)
            let inner = Matrix<BFloat16>(rows: rows, columns: 6)
            x.project([Samples.matrix(5, 128, seed: 3)], into: [inner])
            inner.addGradient(hidden, into: gradient, scale: 2)
            let normed = Matrix<BFloat16>(rows: rows, columns: 128)
            rmsNorm(
                dx, weight: Samples.matrix(1, 128, seed: 4), epsilon: 1e-5, into: normed,
                inverseRoot: Matrix(rows: rows, columns: 1), keeping: nil)
            swiGLUBackward(dh: hidden, gate: outputs[0], up: outputs[1])
            let used: Matrix<Float> = Samples.matrix(rows, 150, seed: 5)
            multiplyTransposed(consuming: used, by: weights[0], into: dx, precision: .bfloat16)
            let c = OperandAttentionTests.cases[1]
            let run = OperandAttentionTests.Run(c)
            run.run(c)
            let operands = outputs + [hidden, inner, normed, run.o]
            let exact = [dx, gradient, run.l, run.dq, run.dk, run.dv]
            return operands.map { Rounded.doubles($0).values } + exact.map { Rounded.doubles($0).values }
        }
    }

    @Test func bytesOfRoundedOperandsDoNotDependOnTheNumberOfThreads() {
        defer { Kernels.configure(threads: nil) }
        for level in allLevels {
            Kernels.configure(threads: 1)
            let one = roundedFingerprint(level)
            Kernels.configure(threads: 2)
            #expect(roundedFingerprint(level) == one, "\(level)")
        }
    }
}
