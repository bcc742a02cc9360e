// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// Backward of SwiGLU: dg = dh·u·σ(1 + g(1 − σ)), du = dh·g·σ; all [T, F]. dGate may be gate, and dUp may be up.
package func swiGLUBackward<E: Scalar>(
    dh: Matrix<E>, gate: Matrix<E>, up: Matrix<E>, dGate: Matrix<E>, dUp: Matrix<E>
) {
    precondition(dh.count == gate.count && gate.count == up.count && dGate.count == gate.count && dUp.count == up.count)
    attune_swiglu_backward(
        E.kind, dh.pointer, gate.pointer, up.pointer, dGate.pointer, dUp.pointer, Int64(dh.count))
}

/// y += x; same shapes.
package func add<E: Scalar>(_ x: Matrix<E>, to y: Matrix<E>) {
    precondition(x.rows == y.rows && x.columns == y.columns, "sum of different shapes")
    attune_add(E.kind, x.pointer, y.pointer, Int64(x.count))
}

/// y *= factor.
package func scale<E: Scalar>(_ y: Matrix<E>, by factor: E) {
    attune_scale(E.kind, y.pointer, Double(factor), Int64(y.count))
}

/// Dropout: y = x·mask/(1 − rate), where an element is dropped with probability `rate`.
///
/// The mask is a function of the stream and the element's index alone, so the same call on the gradient is the backward
/// pass. y may be x.
package func dropout<E: Scalar>(_ x: Matrix<E>, into y: Matrix<E>, rate: Float, stream: RandomStream) {
    precondition(x.rows == y.rows && x.columns == y.columns && rate >= 0 && rate < 1, "dropout at rate \(rate)")
    attune_dropout(E.kind, x.pointer, y.pointer, Int64(x.count), Double(rate), stream.key)
}
