// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import Foundation
import Testing

@Suite struct AttentionTests {
    struct Case: Sendable, CustomStringConvertible {
        let heads: Int
        let keyValueHeads: Int
        let headDimension: Int
        let lengths: [Int]
        var description: String { "H \(heads) K \(keyValueHeads) hd \(headDimension) \(lengths)" }
        var tokens: Int { lengths.reduce(0, +) }
        var segments: [Range<Int>] {
            lengths.reduce(into: []) { $0.append(($0.last?.upperBound ?? 0)..<($0.last?.upperBound ?? 0) + $1) }
        }
    }

    static let cases = [
        Case(heads: 3, keyValueHeads: 1, headDimension: 64, lengths: [1, 100, 49, 3]),
        Case(heads: 4, keyValueHeads: 2, headDimension: 20, lengths: [7, 130]),
        Case(heads: 2, keyValueHeads: 2, headDimension: 33, lengths: [48, 48, 17]),
        Case(heads: 1, keyValueHeads: 1, headDimension: 8, lengths: [0, 5]),
    ]

    struct Run<E: PassNumber> {
        let q, k, v, o, l, dO, dq, dk, dv: Matrix<E>

        init(_ c: Case) {
            q = Samples.matrix(c.tokens, c.heads * c.headDimension, seed: 1)
            k = Samples.matrix(c.tokens, c.keyValueHeads * c.headDimension, seed: 2)
            v = Samples.matrix(c.tokens, c.keyValueHeads * c.headDimension, seed: 3)
            dO = Samples.matrix(c.tokens, c.heads * c.headDimension, seed: 4)
            o = Matrix(rows: q.rows, columns: q.columns)
            l = Matrix(rows: q.rows, columns: c.heads)
            dq = Matrix(rows: q.rows, columns: q.columns)
            dk = Samples.matrix(k.rows, k.columns, seed: 5)  // overwritten
            dv = Samples.matrix(k.rows, k.columns, seed: 6)
        }

        func forward(_ c: Case) {
            attention(
                q: q, k: k, v: v, headDimension: c.headDimension, segments: c.segments, scale: 0.3, into: o,
                logSumExp: l)
        }

        func backward(_ c: Case) {
            attentionBackward(
                dO: dO, q: q, k: k, v: v, o: o, logSumExp: l, headDimension: c.headDimension, segments: c.segments,
                scale: 0.3, into: dq, dk: dk, dv: dv)
        }
    }

    @Test(arguments: cases)
    func everyLevelAgreesWithDouble(_ c: Case) {
        let exact = Run<Double>(c)
        exact.forward(c)
        exact.backward(c)
        for level in Kernels.Level.allCases where level <= Kernels.bestLevel {
            let run = Run<Float>(c)
            Kernels.at(level) {
                run.forward(c)
                run.backward(c)
            }
            #expect(relativeError(run.o, exact.o) < 3e-6, "\(level)")
            #expect(relativeError(run.l, exact.l) < 3e-6, "\(level)")
            #expect(relativeError(run.dq, exact.dq) < 1e-5, "\(level)")
            #expect(relativeError(run.dk, exact.dk) < 1e-5, "\(level)")
            #expect(relativeError(run.dv, exact.dv) < 1e-5, "\(level)")
        }
    }

    @Test func backwardIsTheDerivative() {
        let c = Case(heads: 4, keyValueHeads: 2, headDimension: 6, lengths: [3, 5])
        let run = Run<Double>(c)
        run.forward(c)
        run.backward(c)
        let loss = {
            run.forward(c)
            return inner(run.o, run.dO)
        }
        #expect(relativeError(run.dq, finiteDifferences(of: run.q, loss)) < 1e-8)
        #expect(relativeError(run.dk, finiteDifferences(of: run.k, loss)) < 1e-8)
        #expect(relativeError(run.dv, finiteDifferences(of: run.v, loss)) < 1e-8)
    }

    @Test func aTokenSeesItsSegmentUpToItself() {
        let c = Case(heads: 1, keyValueHeads: 1, headDimension: 4, lengths: [2, 3])
        let run = Run<Double>(c)
        run.forward(c)
        for d in 0..<4 {
            #expect(abs(run.o[0, d] - run.v[0, d]) < 1e-14)
            #expect(abs(run.o[2, d] - run.v[2, d]) < 1e-14)
        }
        let scores = (2...3).map { j in 0.3 * (0..<4).reduce(0.0) { $0 + run.q[3, $1] * run.k[j, $1] } }
        let p = 1 / (1 + exp(scores[1] - scores[0]))
        #expect(abs(run.o[3, 1] - (p * run.v[2, 1] + (1 - p) * run.v[3, 1])) < 1e-12)
        #expect(abs(run.l[3, 0] - log(exp(scores[0]) + exp(scores[1]))) < 1e-12)
    }
}
