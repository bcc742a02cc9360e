// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CAttuneKernels

extension WeightMatrix {
    /// What the C functions call a weight; valid while this matrix lives.
    var kernelWeight: attune_weight {
        attune_weight(
            type: Int32(type.rawValue), rows: Int64(rows), columns: Int64(columns), row_bytes: Int64(rowBytes),
            bytes: bytes.baseAddress)
    }

    /// Runs `body` with what the C functions call a weight.
    func withKernelWeight<Result>(_ body: (UnsafePointer<attune_weight>) -> Result) -> Result {
        _ = Kernels.prepared
        return withExtendedLifetime(self) {
            var weight = kernelWeight
            return body(&weight)
        }
    }
}

/// Y = X·Wᵀ, or Y += X·Wᵀ: X [T, in], W [out, in], Y [T, out].
///
/// Sums are float32. `precision` decides how the factors are rounded; it is ignored for `Double`.
package func multiply<E: Scalar>(
    _ x: Matrix<E>, by w: WeightMatrix, into y: Matrix<E>, precision: Precision, accumulating: Bool = false
) {
    precondition(x.columns == w.columns && y.columns == w.rows && x.rows == y.rows, "shapes of X·Wᵀ")
    w.withKernelWeight { weight in
        attune_multiply(
            E.kind, x.pointer, Int64(x.rows), weight, y.pointer, precision == .bfloat16 ? 1 : 0, accumulating ? 1 : 0)
    }
}

/// Y = X·Wᵀ + b, or Y += X·Wᵀ + b: as above, with b [1, out] where there is one.
package func multiply<E: Scalar>(
    _ x: Matrix<E>, by w: WeightMatrix, bias: Matrix<E>?, into y: Matrix<E>, precision: Precision,
    accumulating: Bool = false
) {
    guard let bias else {
        return multiply(x, by: w, into: y, precision: precision, accumulating: accumulating)
    }
    for row in 0..<y.rows {
        let target = y.rows(row..<row + 1)
        if accumulating { add(bias, to: target) } else { target.copy(from: bias) }
    }
    multiply(x, by: w, into: y, precision: precision, accumulating: true)
}

/// dX = dY·W, or dX += dY·W: dY [T, out], W [out, in], dX [T, in]; the backward pass of X·Wᵀ for a frozen W.
package func multiplyTransposed<E: Scalar>(
    _ dy: Matrix<E>, by w: WeightMatrix, into dx: Matrix<E>, precision: Precision, accumulating: Bool
) {
    precondition(dy.columns == w.rows && dx.columns == w.columns && dy.rows == dx.rows, "shapes of dY·W")
    w.withKernelWeight { weight in
        attune_multiply_transposed(
            E.kind, dy.pointer, Int64(dy.rows), weight, dx.pointer, precision == .bfloat16 ? 1 : 0,
            accumulating ? 1 : 0)
    }
}

/// dX = dY·W for a dY that is not needed any more: in bfloat16 it is rounded where it lies. dY [T, out], dX [T, in].
package func multiplyTransposed<E: Scalar>(
    consuming dy: Matrix<E>, by w: WeightMatrix, into dx: Matrix<E>, precision: Precision
) {
    guard precision == .bfloat16, let dy = dy as? Matrix<Float>, let dx = dx as? Matrix<Float> else {
        return multiplyTransposed(dy, by: w, into: dx, precision: precision, accumulating: false)
    }
    precondition(dy.columns == w.rows && dx.columns == w.columns && dy.rows == dx.rows, "shapes of dY·W")
    w.withKernelWeight { weight in
        attune_round_rows(dy.pointer, Int64(dy.rows), Int64(dy.columns))
        var product = attune_product()
        product.weight = weight
        product.y = UnsafeMutableRawPointer(dx.pointer)
        product.stride = Int64(dx.columns)
        // A row of the rounded numbers lies in the first half of where it lay before.
        let rounded = UnsafeMutableRawPointer(dy.pointer).assumingMemoryBound(to: UInt16.self)
        attune_products(rounded, Int64(2 * dy.columns), Int64(dy.rows), 1, &product, 1)
    }
}

/// out[i] = row ids[i] of W, W [V, D], out [T, D]: the look-up of embeddings.
package func gatherRows<E: Scalar>(_ w: WeightMatrix, _ ids: [Int32], into out: Matrix<E>) {
    precondition(out.rows == ids.count && out.columns == w.columns, "shapes of a look-up")
    precondition(ids.allSatisfy { $0 >= 0 && $0 < w.rows }, "row outside of the matrix")
    w.withKernelWeight { attune_gather(E.kind, $0, ids, Int64(ids.count), out.pointer) }
}

/// out = the rows `rows` of W as float32, out [rows, in].
package func dequantize(_ w: WeightMatrix, rows: Range<Int>, into out: Matrix<Float>) {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= w.rows, "rows \(rows) of \(w.rows)")
    precondition(out.rows == rows.count && out.columns == w.columns, "shape of the expanded rows")
    w.withKernelWeight { attune_dequantize($0, Int64(rows.lowerBound), Int64(rows.count), out.pointer) }
}

/// C = alpha·op(A)·op(B) + beta·C, op(A) [m, k], op(B) [k, n], C [m, n]; op transposes where asked to.
///
/// With beta = 0 the old numbers of C do not matter, not even NaN.
package func multiply<E: Scalar>(
    _ a: Matrix<E>, transposed: Bool = false, _ b: Matrix<E>, transposed transposedB: Bool = false,
    into c: Matrix<E>, alpha: E = 1, beta: E = 0
) {
    let (m, k) = transposed ? (a.columns, a.rows) : (a.rows, a.columns)
    let (l, n) = transposedB ? (b.columns, b.rows) : (b.rows, b.columns)
    precondition(k == l && c.rows == m && c.columns == n, "shapes of A·B")
    _ = Kernels.prepared
    attune_dense(
        E.kind, a.pointer, transposed ? 1 : 0, b.pointer, transposedB ? 1 : 0, c.pointer, Int64(m), Int64(n), Int64(k),
        Double(alpha), Double(beta))
}

/// C = alpha·A·op(B) + beta·C: as above, for a first factor as it lies.
package func multiply<E: Scalar>(
    _ a: Matrix<E>, _ b: Matrix<E>, transposed: Bool, into c: Matrix<E>, alpha: E = 1, beta: E = 0
) {
    multiply(a, transposed: false, b, transposed: transposed, into: c, alpha: alpha, beta: beta)
}
