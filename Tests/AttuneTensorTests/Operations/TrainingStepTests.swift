// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import Foundation
import Testing

/// Loss, optimiser and dropout.
@Suite struct TrainingStepTests {
    @Test func crossEntropyFollowsItsFormulaOnEveryLevel() {
        for (rows, columns) in [(1, 1), (3, 17), (4, 1500), (2, 512)] {
            let z: Matrix<Double> = Samples.matrix(rows, columns, seed: 1, scale: 5)
            let targets = (0..<rows).map { Int32($0 * 7 % columns) }
            var expected = 0.0
            let dz = Matrix<Double>(rows: rows, columns: columns)
            for t in 0..<rows {
                let sum = (0..<columns).reduce(0.0) { $0 + exp(z[t, $1]) }
                expected += log(sum) - z[t, Int(targets[t])]
                for j in 0..<columns { dz[t, j] = 0.25 * (exp(z[t, j]) / sum - (j == targets[t] ? 1 : 0)) }
            }
            for level in Kernels.Level.allCases where level <= Kernels.bestLevel {
                let logits = Matrix<Float>(rows: rows, columns: columns, z.values.map { Float($0) })
                let alone = Kernels.at(level) { negativeLogLikelihood(logits: logits, targets: targets) }
                #expect(logits.values == z.values.map { Float($0) })
                let loss = Kernels.at(level) { crossEntropy(logits: logits, targets: targets, scale: 0.25) }
                #expect(abs(loss - expected) < 2e-6 * max(1, expected), "\(level)")
                #expect(alone == loss)
                #expect(columns == 1 || relativeError(logits, dz) < 3e-6, "\(level)")
            }
            #expect(abs(crossEntropy(logits: z, targets: targets, scale: 0.25) - expected) < 1e-9 * max(1, expected))
            #expect(columns == 1 || relativeError(z, dz) < 1e-12)
        }
    }

    @Test func gradientOfTheLossIsItsDerivative() {
        let z: Matrix<Double> = Samples.matrix(3, 6, seed: 1)
        let targets: [Int32] = [0, 5, 2]
        let numeric = finiteDifferences(of: z) {
            0.5 * crossEntropy(logits: Matrix(rows: 3, columns: 6, z.values), targets: targets, scale: 1)
        }
        _ = crossEntropy(logits: z, targets: targets, scale: 0.5)
        #expect(relativeError(z, numeric) < 1e-8)
    }

    @Test func largeLogitsDoNotOverflow() {
        for level in Kernels.Level.allCases where level <= Kernels.bestLevel {
            let z = Matrix<Float>(rows: 2, columns: 3, [1e4, 0, -1e4, -3e4, -3e4, -3e4])
            let loss = Kernels.at(level) { crossEntropy(logits: z, targets: [1, 0], scale: 1) }
            #expect(abs(loss - (1e4 + log(3))) < 1e-2)
            #expect(allFinite(z))
        }
    }

    @Test func aLossOfNaNIsNaN() {
        for level in Kernels.Level.allCases where level <= Kernels.bestLevel {
            let z: Matrix<Float> = Samples.matrix(1, 40, seed: 1)
            z[0, 21] = .nan
            #expect(Kernels.at(level) { negativeLogLikelihood(logits: z, targets: [3]) }.isNaN, "\(level)")
        }
    }

    @Test func adamWFollowsItsFormula() {
        let count = 20_011
        let start: Matrix<Float> = Samples.matrix(1, count, seed: 1)
        var (w, m, v) = (
            start.values.map { Double($0) }, [Double](repeating: 0, count: count), [Double](repeating: 0, count: count)
        )
        let levels = Kernels.Level.allCases.filter { $0 <= Kernels.bestLevel }
        let states = levels.map { _ in
            (
                Matrix<Float>(rows: 1, columns: count, start.values), Matrix<Float>(rows: 1, columns: count),
                Matrix<Float>(rows: 1, columns: count)
            )
        }
        let (rate, beta1, beta2, epsilon, decay) = (0.01, 0.9, 0.999, 1e-8, 0.1)
        for step in 1...3 {
            let g: Matrix<Float> = Samples.matrix(1, count, seed: UInt64(step) + 5)
            for i in 0..<count {
                let gradient = Double(g.pointer[i]) * 0.5
                w[i] *= 1 - rate * decay
                m[i] = beta1 * m[i] + (1 - beta1) * gradient
                v[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient
                let corrected = m[i] / (1 - pow(beta1, Double(step)))
                w[i] -= rate * corrected / ((v[i] / (1 - pow(beta2, Double(step)))).squareRoot() + epsilon)
            }
            for (level, state) in zip(levels, states) {
                Kernels.at(level) {
                    adamW(
                        AdamWStep(
                            step: step, rate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: decay,
                            gradientScale: 0.5),
                        parameters: state.0, gradients: g, m: state.1, v: state.2)
                }
                #expect(relativeError(state.0, Matrix(rows: 1, columns: count, w)) < 1e-5, "\(level)")
                #expect(relativeError(state.1, Matrix(rows: 1, columns: count, m)) < 1e-5, "\(level)")
                #expect(relativeError(state.2, Matrix(rows: 1, columns: count, v)) < 1e-5, "\(level)")
            }
        }
    }

    @Test func dropoutKeepsTheMeanAndRepeatsItsMask() {
        let x = Matrix<Float>(rows: 100, columns: 1000, [Float](repeating: 1, count: 100_000))
        let y = Matrix<Float>(rows: 100, columns: 1000)
        let stream = RandomStream(seed: 3, path: 1, 2)
        dropout(x, into: y, rate: 0.3, stream: stream)
        let kept = y.values.filter { $0 != 0 }
        #expect(abs(Double(kept.count) / 100_000 - 0.7) < 0.01)
        #expect(kept.allSatisfy { abs($0 - 1 / 0.7) < 1e-6 })
        for level in Kernels.Level.allCases where level <= Kernels.bestLevel {
            let again = Matrix<Float>(rows: 100, columns: 1000, x.values)
            Kernels.at(level) { dropout(again, into: again, rate: 0.3, stream: stream) }
            #expect(again.values == y.values, "\(level)")
        }
        let doubles = Matrix<Double>(rows: 100, columns: 1000)
        dropout(
            Matrix(rows: 100, columns: 1000, [Double](repeating: 1, count: 100_000)), into: doubles, rate: 0.3,
            stream: stream)
        #expect(zip(doubles.values, y.values).allSatisfy { ($0 == 0) == ($1 == 0) })
        dropout(x, into: y, rate: 0, stream: stream)
        #expect(y.values == x.values)
        dropout(x, into: y, rate: 0.3, stream: stream.child(1))
        #expect(zip(y.values, doubles.values).contains { ($0 == 0) != ($1 == 0) })
    }
}
