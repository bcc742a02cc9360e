// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import Foundation
import Testing

@Suite struct ElementwiseTests {
    static let shapes = [(1, 1), (3, 577), (70, 64), (5, 17), (2, 9000)]

    @Test func rmsNormFollowsItsFormulaOnEveryLevel() {
        for (rows, columns) in Self.shapes {
            let x: Matrix<Double> = Samples.matrix(rows, columns, seed: 1, scale: 30)
            let w: Matrix<Double> = Samples.matrix(1, columns, seed: 2)
            let dy: Matrix<Double> = Samples.matrix(rows, columns, seed: 3)
            let (y, dx) = (Matrix<Double>(rows: rows, columns: columns), Matrix<Double>(rows: rows, columns: columns))
            let r = Matrix<Double>(rows: rows, columns: 1)
            rmsNorm(x, weight: w, epsilon: 1e-5, into: y, inverseRoot: r)
            let mean = (0..<columns).reduce(0.0) { $0 + x[0, $1] * x[0, $1] } / Double(columns)
            #expect(abs(r[0, 0] - 1 / (mean + 1e-5).squareRoot()) < 1e-12)
            #expect(abs(y[0, columns - 1] - w[0, columns - 1] * x[0, columns - 1] * r[0, 0]) < 1e-12)
            rmsNormBackward(dy, x: x, weight: w, inverseRoot: r, accumulatingInto: dx)
            let (xf, wf, dyf) = (Self.float(x), Self.float(w), Self.float(dy))
            for level in Kernels.Level.allCases where level <= Kernels.bestLevel {
                let (yf, dxf) = (
                    Matrix<Float>(rows: rows, columns: columns), Matrix<Float>(rows: rows, columns: columns)
                )
                let rf = Matrix<Float>(rows: rows, columns: 1)
                Kernels.at(level) {
                    rmsNorm(xf, weight: wf, epsilon: 1e-5, into: yf, inverseRoot: rf)
                    rmsNormBackward(dyf, x: xf, weight: wf, inverseRoot: rf, accumulatingInto: dxf)
                }
                #expect(relativeError(yf, y) < 2e-6, "\(level)")
                #expect(columns == 1 || relativeError(dxf, dx) < 1e-5, "\(level)")
            }
        }
    }

    @Test func backwardOfRMSNormIsItsDerivative() {
        let x: Matrix<Double> = Samples.matrix(3, 11, seed: 1)
        let w: Matrix<Double> = Samples.matrix(1, 11, seed: 2)
        let c: Matrix<Double> = Samples.matrix(3, 11, seed: 3)
        let y = Matrix<Double>(rows: 3, columns: 11)
        let r = Matrix<Double>(rows: 3, columns: 1)
        let loss = {
            rmsNorm(x, weight: w, epsilon: 1e-5, into: y, inverseRoot: r)
            return inner(y, c)
        }
        let numeric = finiteDifferences(of: x, loss)
        _ = loss()
        let dx = Matrix<Double>(rows: 3, columns: 11, [Double](repeating: 1, count: 33))
        rmsNormBackward(c, x: x, weight: w, inverseRoot: r, accumulatingInto: dx)
        scale(numeric, by: 1)
        add(Matrix(rows: 3, columns: 11, [Double](repeating: 1, count: 33)), to: numeric)
        #expect(relativeError(dx, numeric) < 1e-8)
    }

    @Test(arguments: [false, true])
    func rotationTurnsPairsAndInverseTurnsBack(_ adjacent: Bool) {
        let frequencies = [1.0, 0.25, 0.01]
        let table = RotaryTable<Double>(
            frequencies: frequencies, magnitude: 1, positions: 40, rotaryDimension: 6, adjacentPairs: adjacent)
        let floats = RotaryTable<Float>(
            frequencies: frequencies, magnitude: 1, positions: 40, rotaryDimension: 6, adjacentPairs: adjacent)
        let x: Matrix<Double> = Samples.matrix(5, 16, seed: 1)
        let before = x.values
        let positions: [Int32] = [0, 39, 7, 7, 1]
        let xf = Self.float(x)
        rotate(x, headDimension: 8, positions: positions, table: table, inverse: false)
        for level in Kernels.Level.allCases where level <= Kernels.bestLevel {
            let copy = Matrix<Float>(rows: 5, columns: 16, xf.values)
            Kernels.at(level) { rotate(copy, headDimension: 8, positions: positions, table: floats, inverse: false) }
            #expect(relativeError(copy, x) < 1e-6)
        }
        for (row, position) in positions.enumerated() {
            for head in 0..<2 {
                for (pair, frequency) in frequencies.enumerated() {
                    let a = row * 16 + head * 8 + (adjacent ? 2 * pair : pair)
                    let b = a + (adjacent ? 1 : 3)
                    let angle = Double(position) * frequency
                    #expect(abs(x.values[a] - (before[a] * cos(angle) - before[b] * sin(angle))) < 1e-12)
                    #expect(abs(x.values[b] - (before[a] * sin(angle) + before[b] * cos(angle))) < 1e-12)
                }
                #expect(x[row, head * 8 + 7] == before[row * 16 + head * 8 + 7])
            }
        }
        rotate(x, headDimension: 8, positions: positions, table: table, inverse: true)
        for (a, b) in zip(x.values, before) { #expect(abs(a - b) < 1e-12) }
    }

    @Test func backwardOfARotationIsItsDerivative() {
        let table = RotaryTable<Double>(
            frequencies: [1, 0.1], magnitude: 1.2, positions: 9, rotaryDimension: 4, adjacentPairs: false)
        let x: Matrix<Double> = Samples.matrix(3, 5, seed: 1)
        let c: Matrix<Double> = Samples.matrix(3, 5, seed: 2)
        let numeric = finiteDifferences(of: x) {
            let y = Matrix<Double>(rows: 3, columns: 5, x.values)
            rotate(y, headDimension: 5, positions: [0, 4, 8], table: table, inverse: false)
            return inner(y, c)
        }
        rotate(c, headDimension: 5, positions: [0, 4, 8], table: table, inverse: true)
        #expect(relativeError(c, numeric) < 1e-8)
    }

    @Test func swiGLUFollowsItsFormulaOnEveryLevel() {
        for (rows, columns) in Self.shapes {
            let g: Matrix<Double> = Samples.matrix(rows, columns, seed: 1, scale: 4)
            let u: Matrix<Double> = Samples.matrix(rows, columns, seed: 2)
            let dh: Matrix<Double> = Samples.matrix(rows, columns, seed: 3)
            g.pointer[0] = 300
            let (h, dg) = (Matrix<Double>(rows: rows, columns: columns), Matrix<Double>(rows: rows, columns: columns))
            let du = Matrix<Double>(rows: rows, columns: columns)
            swiGLU(gate: g, up: u, into: h)
            #expect(abs(h.values[0] - 300 * u.values[0]) < 1e-9)
            swiGLUBackward(dh: dh, gate: g, up: u, dGate: dg, dUp: du)
            for level in Kernels.Level.allCases where level <= Kernels.bestLevel {
                let (gf, uf, hf) = (Self.float(g), Self.float(u), Matrix<Float>(rows: rows, columns: columns))
                Kernels.at(level) {
                    swiGLU(gate: gf, up: uf, into: hf)
                    swiGLUBackward(dh: Self.float(dh), gate: gf, up: uf, dGate: gf, dUp: uf)  // in place
                }
                #expect(relativeError(hf, h) < 1e-6, "\(level)")
                #expect(relativeError(gf, dg) < 1e-5, "\(level)")
                #expect(relativeError(uf, du) < 1e-6, "\(level)")
            }
        }
    }

    @Test func extremeGatesStayFinite() {
        let gate = Matrix<Float>(rows: 1, columns: 4, [-1e30, -120, 120, 1e30])
        let up = Matrix<Float>(rows: 1, columns: 4, [1, 1, 1, 1])
        for level in Kernels.Level.allCases where level <= Kernels.bestLevel {
            let h = Matrix<Float>(rows: 1, columns: 4)
            Kernels.at(level) { swiGLU(gate: gate, up: up, into: h) }
            #expect(abs(h[0, 1]) < 1e-30, "\(level)")
            #expect(h[0, 2] == 120, "\(level)")
            #expect(h[0, 3] == 1e30, "\(level)")
            #expect(allFinite(h))
        }
    }

    @Test func backwardOfSwiGLUIsItsDerivative() {
        let g: Matrix<Double> = Samples.matrix(2, 9, seed: 1, scale: 2)
        let u: Matrix<Double> = Samples.matrix(2, 9, seed: 2)
        let c: Matrix<Double> = Samples.matrix(2, 9, seed: 3)
        let h = Matrix<Double>(rows: 2, columns: 9)
        let loss = {
            swiGLU(gate: g, up: u, into: h)
            return inner(h, c)
        }
        let (dg, du) = (Matrix<Double>(rows: 2, columns: 9), Matrix<Double>(rows: 2, columns: 9))
        swiGLUBackward(dh: c, gate: g, up: u, dGate: dg, dUp: du)
        #expect(relativeError(dg, finiteDifferences(of: g, loss)) < 1e-8)
        #expect(relativeError(du, finiteDifferences(of: u, loss)) < 1e-8)
    }

    @Test func sumsAndScales() {
        let x: Matrix<Float> = Samples.matrix(3, 7000, seed: 1)
        let y: Matrix<Float> = Samples.matrix(3, 7000, seed: 2)
        let expected = zip(x.values, y.values).map { ($0 + $1) * 0.5 }
        add(x, to: y)
        scale(y, by: 0.5)
        #expect(y.values == expected)
        let squares = x.values.reduce(0.0) { $0 + Double($1) * Double($1) }
        #expect(abs(sumOfSquares(x) - squares) < 1e-9 * squares)
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity, .signalingNaN])
    func numbersThatAreNotFiniteAreFound(_ bad: Float) {
        let x: Matrix<Float> = Samples.matrix(7, 9001, seed: 1)
        x[0, 0] = .greatestFiniteMagnitude
        x[0, 1] = .leastNonzeroMagnitude
        for level in Kernels.Level.allCases where level <= Kernels.bestLevel {
            #expect(Kernels.at(level) { allFinite(x) })
            for index in [0, 16383, 16384, x.count - 1] {
                let kept = x.pointer[index]
                x.pointer[index] = bad
                #expect(!Kernels.at(level) { allFinite(x) })
                x.pointer[index] = kept
            }
        }
    }

    static func float(_ x: Matrix<Double>) -> Matrix<Float> {
        Matrix(rows: x.rows, columns: x.columns, x.values.map { Float($0) })
    }
}
