// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// Numbers of bfloat16 operands, and how far results with them may lie from the same in float64.
enum Rounded {
    /// Half a unit in the last of eight binary digits, relative to the number: what one rounding changes at most.
    static let unit = 0x1.01p-8
    /// What sums in float32 lose, relative to the sum of the magnitudes; thousands of terms cancel most of it.
    static let sums = 0x1p-18

    static func matrix(_ rows: Int, _ columns: Int, seed: UInt64, scale: Double = 1) -> Matrix<BFloat16> {
        matrix(Samples.matrix(rows, columns, seed: seed, scale: scale))
    }

    static func matrix(_ x: Matrix<Float>) -> Matrix<BFloat16> {
        Matrix(rows: x.rows, columns: x.columns, x.values.map(BFloat16.init))
    }

    static func doubles(_ x: Matrix<Float>) -> Matrix<Double> {
        Matrix(rows: x.rows, columns: x.columns, x.values.map(Double.init))
    }

    /// The first `columns` of each row.
    static func doubles(_ x: Matrix<BFloat16>, columns: Int? = nil) -> Matrix<Double> {
        let columns = columns ?? x.columns
        let out = Matrix<Double>(rows: x.rows, columns: columns)
        for row in 0..<x.rows {
            for column in 0..<columns {
                out.pointer[row * columns + column] = Double(x.pointer[row * x.columns + column].value)
            }
        }
        return out
    }

    static func magnitudes(_ x: Matrix<Double>) -> Matrix<Double> {
        Matrix(rows: x.rows, columns: x.columns, x.values.map(abs))
    }

    /// The most that any number lies beyond size·`slack`, plus one rounding where the result is rounded, as a multiple
    /// of that; infinite for numbers that are not finite. Up to 1 is allowed.
    static func excess(
        _ found: Matrix<BFloat16>, _ exact: Matrix<Double>, size: Matrix<Double>, slack: Double
    ) -> Double {
        excess(doubles(found), exact, size: size, slack: slack, rounding: unit)
    }

    static func excess(
        _ found: Matrix<Float>, _ exact: Matrix<Double>, size: Matrix<Double>, slack: Double
    ) -> Double {
        excess(doubles(found), exact, size: size, slack: slack, rounding: 0)
    }

    // The bits are read here, not by the kernel that widens them: that is one of those under test.
    private static func excess(
        _ numbers: Matrix<Double>, _ exact: Matrix<Double>, size: Matrix<Double>, slack: Double, rounding: Double
    ) -> Double {
        var worst = 0.0
        for index in 0..<exact.count {
            let value = numbers.pointer[index]
            guard value.isFinite else { return .infinity }
            let allowed = size.pointer[index] * slack + abs(exact.pointer[index]) * rounding + 1e-30
            worst = max(worst, abs(value - exact.pointer[index]) / allowed)
        }
        return worst
    }

    /// The same of a product's result.
    static func excess(
        _ found: ProductOutput<BFloat16>, _ exact: Matrix<Double>, size: Matrix<Double>, slack: Double
    ) -> Double {
        switch found {
        case .exact(let y), .sum(let y): excess(y, exact, size: size, slack: slack)
        case .operand(let y): excess(y, exact, size: size, slack: slack)
        }
    }
}

/// Every level of this machine.
let allLevels: [Kernels.Level] = Kernels.Level.allCases.filter { $0 <= Kernels.bestLevel }
