// Attune
// SPDX-License-Identifier: Apache-2.0

import COpenBLAS

/// The thin QR factors of `matrix` [m, n] with k = min(m, n): Q [m, k] with orthonormal columns, R [k, n] upper
/// triangular, Q·R = matrix (Householder; LAPACK dgeqrf and dorgqr).
///
/// Nil if LAPACK refuses, which it does for no finite matrix.
package func orthogonalFactors(_ matrix: Matrix<Double>) -> (q: Matrix<Double>, r: Matrix<Double>)? {
    let rows = matrix.rows
    let columns = matrix.columns
    let inner = min(rows, columns)
    guard inner > 0, let m = Int32(exactly: rows), let n = Int32(exactly: columns), let k = Int32(exactly: inner) else {
        return nil
    }
    _ = Kernels.level
    // LAPACK stores columns one after another.
    var factors = columnMajor(matrix)
    var reflectors = [Double](repeating: 0, count: inner)
    guard withWorkspace({ attune_dgeqrf(m, n, &factors, m, &reflectors, $0, $1) }) else { return nil }
    let r = Matrix<Double>(rows: inner, columns: columns)
    for row in 0..<inner {
        for column in row..<columns { r.pointer[row * columns + column] = factors[column * rows + row] }
    }
    guard withWorkspace({ attune_dorgqr(m, k, k, &factors, m, &reflectors, $0, $1) }) else { return nil }
    let q = Matrix<Double>(rows: rows, columns: inner)
    for row in 0..<rows { for column in 0..<inner { q.pointer[row * inner + column] = factors[column * rows + row] } }
    return (q, r)
}

/// The thin singular value decomposition of `matrix` [m, n] with k = min(m, n): U [m, k], k singular values from the
/// largest down, Vᵀ [k, n] (LAPACK dgesdd).
///
/// Nil if it does not converge, as for numbers that are not finite.
package func singularFactors(
    _ matrix: Matrix<Double>
) -> (u: Matrix<Double>, values: [Double], vTransposed: Matrix<Double>)? {
    let inner = min(matrix.rows, matrix.columns)
    guard inner > 0, matrix.buffer.allSatisfy(\.isFinite), let m = Int32(exactly: matrix.rows),
        let n = Int32(exactly: matrix.columns), let k = Int32(exactly: inner)
    else { return nil }
    _ = Kernels.level
    var input = columnMajor(matrix)
    var values = [Double](repeating: 0, count: inner)
    var left = [Double](repeating: 0, count: matrix.rows * inner)
    var right = [Double](repeating: 0, count: inner * matrix.columns)
    var integers = [Int32](repeating: 0, count: 8 * inner)
    guard
        withWorkspace({
            attune_dgesdd(m, n, &input, m, &values, &left, m, &right, k, $0, $1, &integers)
        })
    else { return nil }
    let u = Matrix<Double>(rows: matrix.rows, columns: inner)
    for row in 0..<matrix.rows {
        for column in 0..<inner { u.pointer[row * inner + column] = left[column * matrix.rows + row] }
    }
    let v = Matrix<Double>(rows: inner, columns: matrix.columns)
    for row in 0..<inner {
        for column in 0..<matrix.columns { v.pointer[row * matrix.columns + column] = right[column * inner + row] }
    }
    return (u, values, v)
}

private func columnMajor(_ matrix: Matrix<Double>) -> [Double] {
    var result = [Double](repeating: 0, count: matrix.count)
    for row in 0..<matrix.rows {
        for column in 0..<matrix.columns {
            result[column * matrix.rows + row] = matrix.pointer[row * matrix.columns + column]
        }
    }
    return result
}

/// Runs a routine of LAPACK twice: to hear how much work space it wants, and with it. True if both succeed.
private func withWorkspace(_ routine: (UnsafeMutablePointer<Double>, Int32) -> Int32) -> Bool {
    var size = 0.0
    guard routine(&size, -1) == 0, size >= 1, let count = Int32(exactly: size.rounded(.up)) else { return false }
    var space = [Double](repeating: 0, count: Int(count))
    return routine(&space, count) == 0
}
