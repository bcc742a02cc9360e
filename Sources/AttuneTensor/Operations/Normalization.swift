// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// RMSNorm: r = (mean x² + ε)^−½ per row, y = w∘x·r; x, y [T, D], w [1, D], r [T, 1] (arXiv:1910.07467).
package func rmsNorm<E: Scalar>(
    _ x: Matrix<E>, weight: Matrix<E>, epsilon: E, into y: Matrix<E>, inverseRoot r: Matrix<E>
) {
    precondition(x.rows == y.rows && x.columns == y.columns && weight.count == x.columns && r.count == x.rows)
    attune_rms_norm(
        E.kind, x.pointer, weight.pointer, Double(epsilon), y.pointer, r.pointer, Int64(x.rows), Int64(x.columns))
}

/// Backward of RMSNorm: u = dy∘w; dx += r·u − x·(r³/D)·Σ(u∘x); dy, x, dx [T, D], w [1, D], r [T, 1].
package func rmsNormBackward<E: Scalar>(
    _ dy: Matrix<E>, x: Matrix<E>, weight: Matrix<E>, inverseRoot r: Matrix<E>, accumulatingInto dx: Matrix<E>
) {
    precondition(x.rows == dy.rows && x.columns == dy.columns && weight.count == x.columns && r.count == x.rows)
    precondition(dx.rows == x.rows && dx.columns == x.columns)
    attune_rms_norm_backward(
        E.kind, dy.pointer, x.pointer, weight.pointer, r.pointer, dx.pointer, Int64(x.rows), Int64(x.columns))
}
