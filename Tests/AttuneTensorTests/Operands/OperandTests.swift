// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import Foundation
import Testing

@Suite struct OperandTests {
    static let shapes = [(1, 1), (3, 577), (70, 64), (5, 17), (2, 9000)]

    /// The nearest of the two neighbours in bfloat16, the even one where both are as near.
    private static func nearest(_ x: Float) -> UInt16 {
        let low = UInt16(truncatingIfNeeded: x.bitPattern >> 16)
        let magnitude = low & 0x7FFF
        // Beyond the largest number the next would be 2^128.
        let (below, above) = (
            Double(Float(bitPattern: UInt32(magnitude) << 16)),
            magnitude == 0x7F7F ? 0x1p128 : Double(Float(bitPattern: UInt32(magnitude + 1) << 16))
        )
        let (down, up) = (Double(abs(x)) - below, above - Double(abs(x)))
        return up < down || (up == down && low % 2 == 1) ? low + 1 : low
    }

    @Test func numbersAreRoundedToTheNearestAndTiesToEven() {
        var numbers: [Float] = []
        for high in stride(from: UInt32(0), through: 0xFFFF, by: 13) where high & 0x7FFF < 0x7F80 {
            for low: UInt32 in [0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF] {
                numbers.append(Float(bitPattern: high << 16 | low))
            }
        }
        numbers += [.greatestFiniteMagnitude, -.greatestFiniteMagnitude, .leastNonzeroMagnitude, -0.0]
        let expected = numbers.map(Self.nearest)
        #expect(numbers.map { BFloat16($0).bits } == expected)
        let x = Matrix<Float>(rows: 1, columns: numbers.count, numbers)
        for level in allLevels {
            let y = Matrix<BFloat16>(rows: 1, columns: numbers.count)
            Kernels.at(level) { y.set(x) }
            #expect(y.values.map(\.bits) == expected, "\(level)")
        }
    }

    @Test func numbersThatAreNotFiniteStayWhatTheyAre() {
        let nans = [0x7F80_0001, 0x7FC0_0000, 0x7FFF_FFFF, 0xFF80_0001, 0xFFFF_FFFF, 0xFF80_8000].map {
            Float(bitPattern: $0)
        }
        let numbers = nans + [.infinity, -.infinity]
        #expect(!nans.map { BFloat16($0).value.isNaN }.contains(false))
        let x = Matrix<Float>(rows: 1, columns: 40, (0..<40).map { numbers[$0 % 8] })
        for level in allLevels {
            let (y, back) = (Matrix<BFloat16>(rows: 1, columns: 40), Matrix<Float>(rows: 1, columns: 40))
            let sum = Matrix<BFloat16>(rows: 1, columns: 40)
            Kernels.at(level) {
                y.set(x)
                y.widen(into: back)
                sum.add(x)
            }
            for index in 0..<40 {
                let isNaN = x.values[index].isNaN
                #expect(isNaN ? back.values[index].isNaN : back.values[index] == x.values[index], "\(level)")
                #expect(isNaN ? sum.values[index].value.isNaN : sum.values[index].value == x.values[index], "\(level)")
            }
        }
    }

    @Test func sumsAreRoundedOnce() {
        let x: Matrix<Float> = Samples.matrix(3, 7001, seed: 1)
        let y = Rounded.matrix(3, 7001, seed: 2)
        let expected = zip(x.values, y.values).map { BFloat16($0 + $1.value) }
        for level in allLevels {
            let sum = Matrix<BFloat16>(rows: 3, columns: 7001, y.values)
            Kernels.at(level) { sum.add(x) }
            #expect(sum.values == expected, "\(level)")
        }
    }

    @Test func rmsNormFollowsItsFormula() {
        for (rows, columns) in Self.shapes {
            let x: Matrix<Float> = Samples.matrix(rows, columns, seed: 1, scale: 30)
            let w: Matrix<Float> = Samples.matrix(1, columns, seed: 2)
            let dy: Matrix<Float> = Samples.matrix(rows, columns, seed: 3)
            let kept = Rounded.matrix(x)
            let (exact, again) = (
                Matrix<Double>(rows: rows, columns: columns), Matrix<Double>(rows: rows, columns: columns)
            )
            let root = Matrix<Double>(rows: rows, columns: 1)
            rmsNorm(Rounded.doubles(x), weight: Rounded.doubles(w), epsilon: 1e-5, into: exact, inverseRoot: root)
            let wide = Rounded.doubles(kept)
            for row in 0..<rows {
                for column in 0..<columns {
                    again[row, column] = Double(w[0, column]) * wide[row, column] * root[row, 0]
                }
            }
            let gradient = Matrix<Double>(rows: rows, columns: columns)
            rmsNormBackward(
                Rounded.doubles(dy), x: wide, weight: Rounded.doubles(w), inverseRoot: root,
                accumulatingInto: gradient)
            for level in allLevels {
                let (y, z) = (
                    Matrix<BFloat16>(rows: rows, columns: columns),
                    Matrix<BFloat16>(rows: rows, columns: columns)
                )
                let r = Matrix<Float>(rows: rows, columns: 1)
                let dx = Matrix<Float>(rows: rows, columns: columns)
                let copy = Matrix<BFloat16>(rows: rows, columns: columns)
                Kernels.at(level) {
                    rmsNorm(x, weight: w, epsilon: 1e-5, into: y, inverseRoot: r, keeping: copy)
                    rmsNorm(again: kept, weight: w, epsilon: 1e-5, inverseRoot: r, into: z)
                    rmsNormBackward(dy, kept: kept, weight: w, inverseRoot: r, accumulatingInto: dx)
                }
                #expect(copy.values == kept.values, "\(level)")
                // Each number is off by its own rounding and by what r is, a sum in float32.
                #expect(relativeError(r, root) < 2e-6, "\(level)")
                let sizes = (Rounded.magnitudes(exact), Rounded.magnitudes(again))
                #expect(Rounded.excess(y, exact, size: sizes.0, slack: 2e-6) <= 1, "\(level)")
                #expect(Rounded.excess(z, again, size: sizes.1, slack: 2e-6) <= 1, "\(level)")
                #expect(columns == 1 || relativeError(dx, gradient) < 1e-5, "\(level)")
            }
        }
    }

    @Test func swiGLUFollowsItsFormula() {
        for (rows, columns) in Self.shapes {
            let gate = Rounded.matrix(rows, columns, seed: 1, scale: 4)
            let (up, dh) = (Rounded.matrix(rows, columns, seed: 2), Rounded.matrix(rows, columns, seed: 3))
            let (g, u) = (Rounded.doubles(gate), Rounded.doubles(up))
            let exact = (0..<3).map { _ in Matrix<Double>(rows: rows, columns: columns) }
            swiGLU(gate: g, up: u, into: exact[0])
            swiGLUBackward(dh: Rounded.doubles(dh), gate: g, up: u, dGate: exact[1], dUp: exact[2])
            // The factor 1 + g(1 − σ) goes through zero; there its own size, at most 1 + |g|, is what counts.
            let sizes = [
                Rounded.magnitudes(exact[0]),
                Matrix<Double>(
                    rows: rows, columns: columns,
                    (0..<g.count).map { abs(Double(dh.pointer[$0].value) * u.pointer[$0]) * (1 + abs(g.pointer[$0])) }),
                Rounded.magnitudes(exact[2]),
            ]
            for level in allLevels {
                let (hidden, again) = (
                    Matrix<BFloat16>(rows: rows, columns: columns), Matrix<BFloat16>(rows: rows, columns: columns)
                )
                let (dGate, dUp) = (
                    Matrix<BFloat16>(rows: rows, columns: columns, gate.values),
                    Matrix<BFloat16>(rows: rows, columns: columns, up.values)
                )
                Kernels.at(level) {
                    swiGLU(gate: dGate, up: dUp, into: hidden)
                    swiGLUBackward(
                        dh: dh, gate: dGate, up: dUp, into: again)
                }
                for (index, found) in [hidden, dGate, dUp, again].enumerated() {
                    let excess = Rounded.excess(
                        found, exact[index % 3], size: sizes[index % 3], slack: 2e-6)
                    #expect(excess <= 1, "\(level), result \(index)")
                }
            }
        }
    }

    @Test(arguments: [true, false]) func aRotationIntoAnOperandIsTheRotationRounded(adjacent: Bool) {
        // Two elements of each head stay where they are.
        let table = RotaryTable<Float>(
            frequencies: [1, 0.25, 0.01], magnitude: 1, positions: 40, rotaryDimension: 6, adjacentPairs: adjacent)
        let x: Matrix<Float> = Samples.matrix(31, 24, seed: 1)
        let positions = (0..<31).map { Int32($0 * 7 % 40) }
        for level in allLevels {
            let turned = Matrix<Float>(rows: 31, columns: 24, x.values)
            let y = Matrix<BFloat16>(rows: 31, columns: 24)
            Kernels.at(level) {
                rotate(x, headDimension: 8, positions: positions, table: table, inverse: true, into: y)
                rotate(turned, headDimension: 8, positions: positions, table: table, inverse: true)
            }
            let size = Matrix<Double>(rows: 31, columns: 24, [Double](repeating: 5, count: 31 * 24))
            #expect(Rounded.excess(y, Rounded.doubles(turned), size: size, slack: 1e-6) <= 1, "\(level)")
        }
    }

    @Test func extremeGatesStayFiniteAndNaNStaysVisible() {
        let gate = Rounded.matrix(Matrix<Float>(rows: 1, columns: 5, [-1e30, -120, 120, 1e30, .nan]))
        let up = Rounded.matrix(Matrix<Float>(rows: 1, columns: 5, [1, 1, 1, 1, 1]))
        for level in allLevels {
            let h = Matrix<BFloat16>(rows: 1, columns: 5)
            let (dGate, dUp) = (
                Matrix<BFloat16>(rows: 1, columns: 5, gate.values), Matrix<BFloat16>(rows: 1, columns: 5, up.values)
            )
            Kernels.at(level) {
                swiGLU(gate: gate, up: up, into: h)
                swiGLUBackward(dh: up, gate: dGate, up: dUp)
            }
            let values = h.values.map(\.value)
            #expect(abs(values[0]) < 1e-6, "\(level)")
            #expect(abs(values[1]) < 1e-30, "\(level)")
            #expect(values[2] == 120, "\(level)")
            #expect(values[3] == BFloat16(1e30).value, "\(level)")
            for result in [h, dGate, dUp] {
                #expect(result.values[..<4].map(\.value.isFinite) == [true, true, true, true], "\(level)")
                #expect(result.values[4].value.isNaN, "\(level)")
            }
        }
    }
}
