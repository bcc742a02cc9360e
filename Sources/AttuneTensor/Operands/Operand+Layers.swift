// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// RMSNorm into an operand: r = (mean x² + ε)^−½ per row, y = w∘x·r; x, y [T, D], w [1, D], r [T, 1].
///
/// `kept` takes over the numbers of x, where it is given.
package func rmsNorm<N: OperandNumber>(
    _ x: Matrix<N.Exact>, weight: Matrix<N.Exact>, epsilon: N.Exact, into y: Matrix<N>,
    inverseRoot r: Matrix<N.Exact>, keeping kept: Matrix<N>?
) {
    precondition(x.rows == y.rows && x.columns == y.columns && weight.count == x.columns && r.count == x.rows)
    precondition(kept.map { $0.rows == x.rows && $0.columns == x.columns } ?? true, "shapes of a copy")
    N.rmsNorm(x, weight: weight, epsilon: epsilon, into: y, inverseRoot: r, keeping: kept)
}

/// The norm again, from its kept input and inverse roots: y = w∘x·r; x, y [T, D], w [1, D], r [T, 1].
package func rmsNorm<N: OperandNumber>(
    again x: Matrix<N>, weight: Matrix<N.Exact>, epsilon: N.Exact, inverseRoot r: Matrix<N.Exact>, into y: Matrix<N>
) {
    precondition(x.rows == y.rows && x.columns == y.columns && weight.count == x.columns && r.count == x.rows)
    N.rmsNorm(again: x, weight: weight, epsilon: epsilon, inverseRoot: r, into: y)
}

/// Backward of RMSNorm for a kept input: u = dy∘w; dx += r·u − x·(r³/D)·Σ(u∘x); dy, x, dx [T, D], r [T, 1].
package func rmsNormBackward<N: OperandNumber>(
    _ dy: Matrix<N.Exact>, kept x: Matrix<N>, weight: Matrix<N.Exact>, inverseRoot r: Matrix<N.Exact>,
    accumulatingInto dx: Matrix<N.Exact>
) {
    precondition(x.rows == dy.rows && x.columns == dy.columns && weight.count == x.columns && r.count == x.rows)
    precondition(dx.rows == x.rows && dx.columns == x.columns)
    N.rmsNormBackward(dy, kept: x, weight: weight, inverseRoot: r, accumulatingInto: dx)
}

/// SwiGLU of operands: h = g·σ(g)·u, σ the sigmoid; g, u, h [T, F] (arXiv:2002.05202).
package func swiGLU<N: OperandNumber>(gate: Matrix<N>, up: Matrix<N>, into h: Matrix<N>) {
    precondition(gate.count == up.count && up.count == h.count, "shapes of SwiGLU")
    N.swiGLU(gate: gate, up: up, into: h)
}

/// Backward of SwiGLU in place: gate ← dh·u·σ(1 + g(1 − σ)), up ← dh·g·σ; all [T, F].
///
/// Where `h` is given it becomes what `swiGLU` makes of gate and up as they were.
package func swiGLUBackward<N: OperandNumber>(
    dh: Matrix<N>, gate: Matrix<N>, up: Matrix<N>, into h: Matrix<N>? = nil
) {
    precondition(dh.count == gate.count && gate.count == up.count, "shapes of SwiGLU")
    precondition(h.map { $0.count == dh.count } ?? true, "shapes of SwiGLU")
    N.swiGLUBackward(dh: dh, gate: gate, up: up, into: h)
}

/// y = x with each head rotated as by `rotate` of a matrix; x, which may be used up, y [T, heads·hd].
package func rotate<N: OperandNumber>(
    _ x: Matrix<N.Exact>, headDimension: Int, positions: [Int32], table: RotaryTable<N.Exact>, inverse: Bool,
    into y: Matrix<N>
) {
    precondition(y.rows == x.rows && y.columns == x.columns, "shapes of a rotation")
    N.rotate(x, headDimension: headDimension, positions: positions, table: table, inverse: inverse, into: y)
}

extension PassNumber {
    package static func rmsNorm(
        _ x: Matrix<Self>, weight: Matrix<Self>, epsilon: Self, into y: Matrix<Self>, inverseRoot r: Matrix<Self>,
        keeping kept: Matrix<Self>?
    ) {
        kept?.copy(from: x)
        AttuneTensor.rmsNorm(x, weight: weight, epsilon: epsilon, into: y, inverseRoot: r)
    }

    package static func rmsNorm(
        again x: Matrix<Self>, weight: Matrix<Self>, epsilon: Self, inverseRoot r: Matrix<Self>, into y: Matrix<Self>
    ) {
        AttuneTensor.rmsNorm(x, weight: weight, epsilon: epsilon, into: y, inverseRoot: r)
    }

    package static func rmsNormBackward(
        _ dy: Matrix<Self>, kept x: Matrix<Self>, weight: Matrix<Self>, inverseRoot r: Matrix<Self>,
        accumulatingInto dx: Matrix<Self>
    ) {
        AttuneTensor.rmsNormBackward(dy, x: x, weight: weight, inverseRoot: r, accumulatingInto: dx)
    }

    package static func swiGLU(gate: Matrix<Self>, up: Matrix<Self>, into h: Matrix<Self>) {
        attune_swiglu(kind, gate.pointer, up.pointer, h.pointer, Int64(h.count))
    }

    package static func swiGLUBackward(dh: Matrix<Self>, gate: Matrix<Self>, up: Matrix<Self>, into h: Matrix<Self>?) {
        if let h { swiGLU(gate: gate, up: up, into: h) }
        AttuneTensor.swiGLUBackward(dh: dh, gate: gate, up: up, dGate: gate, dUp: up)
    }

    package static func rotate(
        _ x: Matrix<Self>, headDimension: Int, positions: [Int32], table: RotaryTable<Self>, inverse: Bool,
        into y: Matrix<Self>
    ) {
        AttuneTensor.rotate(x, headDimension: headDimension, positions: positions, table: table, inverse: inverse)
        y.copy(from: x)
    }
}

extension BFloat16 {
    package static func rmsNorm(
        _ x: Matrix<Float>, weight: Matrix<Float>, epsilon: Float, into y: Matrix<BFloat16>,
        inverseRoot r: Matrix<Float>, keeping kept: Matrix<BFloat16>?
    ) {
        attune_rounded_rms_norm(
            x.pointer, weight.pointer, epsilon, y.bits, r.pointer, kept?.bits, Int64(x.rows), Int64(x.columns))
    }

    package static func rmsNorm(
        again x: Matrix<BFloat16>, weight: Matrix<Float>, epsilon: Float, inverseRoot r: Matrix<Float>,
        into y: Matrix<BFloat16>
    ) {
        attune_rounded_rms_apply(x.bits, weight.pointer, r.pointer, y.bits, Int64(x.rows), Int64(x.columns))
    }

    package static func rmsNormBackward(
        _ dy: Matrix<Float>, kept x: Matrix<BFloat16>, weight: Matrix<Float>, inverseRoot r: Matrix<Float>,
        accumulatingInto dx: Matrix<Float>
    ) {
        attune_rounded_rms_norm_backward(
            dy.pointer, x.bits, weight.pointer, r.pointer, dx.pointer, Int64(x.rows), Int64(x.columns))
    }

    package static func swiGLU(gate: Matrix<BFloat16>, up: Matrix<BFloat16>, into h: Matrix<BFloat16>) {
        attune_rounded_swiglu(gate.bits, up.bits, h.bits, Int64(h.count))
    }

    package static func swiGLUBackward(
        dh: Matrix<BFloat16>, gate: Matrix<BFloat16>, up: Matrix<BFloat16>, into h: Matrix<BFloat16>?
    ) {
        attune_rounded_swiglu_backward(dh.bits, gate.bits, up.bits, gate.bits, up.bits, h?.bits, Int64(dh.count))
    }

    package static func rotate(
        _ x: Matrix<Float>, headDimension: Int, positions: [Int32], table: RotaryTable<Float>, inverse: Bool,
        into y: Matrix<BFloat16>
    ) {
        table.check(x, headDimension: headDimension, positions: positions)
        attune_rounded_rotate(
            x.pointer, y.bits, Int64(x.rows), Int64(x.columns), Int64(headDimension), positions,
            table.cosines.pointer, table.sines.pointer, Int64(table.rotaryDimension / 2),
            table.adjacentPairs ? 1 : 0, inverse ? 1 : 0)
    }
}
