// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor
import Testing

@Suite struct ProductTests {
    /// (tokens, outputs, columns in blocks of the type); odd sizes, one beyond every tile and panel.
    static let shapes = [(1, 33, 1), (2, 7, 3), (5, 64, 2), (9, 31, 1), (13, 97, 3), (50, 65, 2), (131, 19, 5)]

    @Test(arguments: BlockType.allCases)
    func levelsAgreeOnEveryBlockType(_ type: BlockType) {
        for (index, (tokens, outputs, blocks)) in Self.shapes.enumerated() {
            let seed = UInt64(index)
            let columns = type.elements == 1 ? blocks * 37 : blocks * type.elements
            let w = Samples.weight(type, outputs, columns, seed: seed)
            let x: Matrix<Float> = Samples.matrix(tokens, columns, seed: seed + 10)
            let dy: Matrix<Float> = Samples.matrix(tokens, outputs, seed: seed + 20)
            for precision in Precision.allCases {
                // Few rows are computed in float32 even where bfloat16 is allowed.
                let bound = precision == .float32 ? 2e-6 : tokens <= 8 ? 6e-3 : 2e-5
                let expected = Self.both(x, dy, w, precision, .portable)
                for level in fastLevels {
                    let found = Self.both(x, dy, w, precision, level)
                    #expect(relativeError(found.y, expected.y) < bound, "\(level) \(tokens)×\(outputs)×\(columns)")
                    #expect(relativeError(found.dx, expected.dx) < bound, "\(level) \(tokens)×\(outputs)×\(columns)")
                }
            }
        }
    }

    private static func both(
        _ x: Matrix<Float>, _ dy: Matrix<Float>, _ w: WeightMatrix, _ precision: Precision, _ level: Kernels.Level
    ) -> (y: Matrix<Float>, dx: Matrix<Float>) {
        let y: Matrix<Float> = Samples.matrix(x.rows, w.rows, seed: 99)
        let dx: Matrix<Float> = Samples.matrix(x.rows, w.columns, seed: 98)
        Kernels.at(level) {
            multiply(x, by: w, into: y, precision: precision)
            multiply(x, by: w, into: y, precision: precision, accumulating: true)
            multiplyTransposed(dy, by: w, into: dx, precision: precision, accumulating: false)
            multiplyTransposed(dy, by: w, into: dx, precision: precision, accumulating: true)
        }
        return (y, dx)
    }

    @Test func float32AgreesWithDouble() {
        let w = Samples.weight(.q4_1, 70, 96, seed: 1)
        let x: Matrix<Double> = Samples.matrix(21, 96, seed: 2)
        let exact = Matrix<Double>(rows: 21, columns: 70)
        multiply(x, by: w, into: exact, precision: .float32)
        let dense: Matrix<Double> = Samples.expanded(w)
        let again = Matrix<Double>(rows: 21, columns: 70)
        multiply(x, dense, transposed: true, into: again)
        #expect(relativeError(again, exact) < 1e-14)
        let y = Matrix<Float>(rows: 21, columns: 70)
        multiply(Matrix<Float>(rows: 21, columns: 96, x.values.map { Float($0) }), by: w, into: y, precision: .float32)
        #expect(relativeError(y, exact) < 1e-6)
    }

    @Test func bfloat16StaysWithinItsRounding() {
        // Each factor is off by at most 2^-9 of itself, so a product by less than 2^-8 + 2^-17 of the product.
        let w = Samples.weight(.q8_0, 40, 320, seed: 3)
        let x: Matrix<Float> = Samples.matrix(30, 320, seed: 4)
        let dense: Matrix<Float> = Samples.expanded(w)
        let exact = Matrix<Float>(rows: 30, columns: 40)
        let rounded = Matrix<Float>(rows: 30, columns: 40)
        multiply(x, by: w, into: exact, precision: .float32)
        multiply(x, by: w, into: rounded, precision: .bfloat16)
        var wrong = 0
        for t in 0..<30 {
            for o in 0..<40 {
                let sum = (0..<320).reduce(Float(0)) { $0 + abs(x[t, $1] * dense[o, $1]) }
                if abs(rounded[t, o] - exact[t, o]) > sum * 0x1.02p-8 { wrong += 1 }
            }
        }
        #expect(wrong == 0)
        #expect(relativeError(rounded, exact) > 1e-5)
    }

    @Test func deepProductsAreSplitAlongTheContraction() {
        let w = Samples.weight(.q8_0, 33, 4512, seed: 5)
        let x: Matrix<Float> = Samples.matrix(17, 4512, seed: 6)
        let tall = Samples.weight(.q4_0, 4501, 64, seed: 7)
        let dy: Matrix<Float> = Samples.matrix(17, 4501, seed: 8)
        for precision in Precision.allCases {
            let expected = Kernels.at(.portable) { Self.results(x, w, dy, tall, precision) }
            for level in fastLevels {
                let found = Kernels.at(level) { Self.results(x, w, dy, tall, precision) }
                #expect(relativeError(found.0, expected.0) < 1e-5, "\(level)")
                #expect(relativeError(found.1, expected.1) < 1e-5, "\(level)")
            }
        }
    }

    private static func results(
        _ x: Matrix<Float>, _ w: WeightMatrix, _ dy: Matrix<Float>, _ tall: WeightMatrix, _ precision: Precision
    ) -> (Matrix<Float>, Matrix<Float>) {
        let y: Matrix<Float> = Samples.matrix(17, 33, seed: 9)
        let dx: Matrix<Float> = Samples.matrix(17, 64, seed: 10)
        multiply(x, by: w, into: y, precision: precision, accumulating: true)
        multiplyTransposed(dy, by: tall, into: dx, precision: precision, accumulating: true)
        return (y, dx)
    }

    @Test(arguments: [false, true], [false, true])
    func levelsAgreeOnDenseProducts(_ transposed: Bool, _ transposedB: Bool) {
        let shapes = [(1, 1, 1), (300, 16, 70), (16, 300, 70), (5, 2, 600), (37, 41, 43), (70, 130, 16), (2, 40, 3000)]
        for (index, (m, n, k)) in shapes.enumerated() {
            let seed = UInt64(index)
            let a: Matrix<Float> = transposed ? Samples.matrix(k, m, seed: seed) : Samples.matrix(m, k, seed: seed)
            let b: Matrix<Float> =
                transposedB ? Samples.matrix(n, k, seed: seed + 50) : Samples.matrix(k, n, seed: seed + 50)
            for beta: Float in [0, 0.5] {
                let expected: Matrix<Float> = Samples.matrix(m, n, seed: 3)
                Kernels.at(.portable) {
                    multiply(
                        a, transposed: transposed, b, transposed: transposedB, into: expected, alpha: 2, beta: beta)
                }
                for level in fastLevels {
                    let found: Matrix<Float> = Samples.matrix(m, n, seed: 3)
                    if beta == 0 { found[0, 0] = .nan }
                    Kernels.at(level) {
                        multiply(
                            a, transposed: transposed, b, transposed: transposedB, into: found, alpha: 2, beta: beta)
                    }
                    #expect(relativeError(found, expected) < 4e-6, "\(level) \(m)×\(n)×\(k)")
                }
            }
        }
    }

    @Test func denseProductsFollowTheDefinition() {
        let a: Matrix<Double> = Samples.matrix(3, 4, seed: 1)
        let b: Matrix<Double> = Samples.matrix(4, 2, seed: 2)
        let c: Matrix<Double> = Samples.matrix(3, 2, seed: 3)
        let old = c.values
        multiply(a, b, into: c, alpha: 3, beta: 2)
        for i in 0..<3 {
            for j in 0..<2 {
                let sum = (0..<4).reduce(0.0) { $0 + a[i, $1] * b[$1, j] }
                #expect(abs(c[i, j] - (3 * sum + 2 * old[i * 2 + j])) < 1e-12)
            }
        }
    }

    @Test func productsWithNothingLeaveNothing() {
        let w = Samples.weight(.q4_1, 8, 32, seed: 1)
        for level in fastLevels {
            Kernels.at(level) {
                multiply(
                    Matrix<Float>(rows: 0, columns: 32), by: w, into: Matrix<Float>(rows: 0, columns: 8),
                    precision: .bfloat16)
                multiplyTransposed(
                    Matrix<Float>(rows: 0, columns: 8), by: w, into: Matrix<Float>(rows: 0, columns: 32),
                    precision: .bfloat16, accumulating: false)
            }
        }
    }

    @Test func backwardOfAProductIsItsDerivative() {
        let w = Samples.weight(.q5_1, 6, 32, seed: 4)
        let x: Matrix<Double> = Samples.matrix(3, 32, seed: 5)
        let c: Matrix<Double> = Samples.matrix(3, 6, seed: 6)
        let y = Matrix<Double>(rows: 3, columns: 6)
        let numeric = finiteDifferences(of: x) {
            multiply(x, by: w, into: y, precision: .float32)
            return inner(y, c)
        }
        let dx = Matrix<Double>(rows: 3, columns: 32)
        multiplyTransposed(c, by: w, into: dx, precision: .float32, accumulating: false)
        #expect(relativeError(dx, numeric) < 1e-8)
    }
}
