// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// RMSNorm into an operand: r = (mean x² + ε)^−½ per row, y = w∘x·r; x, y [T, D], w [1, D], r [T, 1].
///
/// `kept` takes over the numbers of x, where it is given.
package func rmsNorm<E: Scalar>(
    _ x: Matrix<E>, weight: Matrix<E>, epsilon: E, into y: Operand<E>, inverseRoot r: Matrix<E>,
    keeping kept: Operand<E>? = nil
) {
    precondition(x.rows == y.rows && x.columns == y.columns && weight.count == x.columns && r.count == x.rows)
    precondition(kept.map { $0.rows == x.rows && $0.columns == x.columns } ?? true, "shapes of a copy")
    switch (y, kept) {
    case (.rounded(let y), .rounded(let kept)?):
        roundedNorm(x, weight, epsilon, into: y, r, keeping: kept)
    case (.rounded(let y), nil): roundedNorm(x, weight, epsilon, into: y, r, keeping: nil)
    case (.exact(let y), _):
        kept?.set(x)
        rmsNorm(x, weight: weight, epsilon: epsilon, into: y, inverseRoot: r)
    default: preconditionFailure("operands of different cases")
    }
}

private func roundedNorm<E: Scalar>(
    _ x: Matrix<E>, _ weight: Matrix<E>, _ epsilon: E, into y: Matrix<BFloat16>, _ r: Matrix<E>,
    keeping kept: Matrix<BFloat16>?
) {
    attune_rounded_rms_norm(
        x.float.pointer, weight.float.pointer, Float(epsilon), y.bits, r.float.pointer, kept?.bits, Int64(x.rows),
        Int64(x.columns))
}

/// The norm again, from its kept input and inverse roots: y = w∘x·r; x, y [T, D], w [1, D], r [T, 1].
package func rmsNorm<E: Scalar>(
    again x: Operand<E>, weight: Matrix<E>, epsilon: E, inverseRoot r: Matrix<E>, into y: Operand<E>
) {
    precondition(x.rows == y.rows && x.columns == y.columns && weight.count == x.columns && r.count == x.rows)
    switch (x, y) {
    case (.exact(let x), _): rmsNorm(x, weight: weight, epsilon: epsilon, into: y, inverseRoot: r)
    case (.rounded(let x), .rounded(let y)):
        attune_rounded_rms_apply(
            x.bits, weight.float.pointer, r.float.pointer, y.bits, Int64(x.rows), Int64(x.columns))
    default: preconditionFailure("operands of different cases")
    }
}

/// Backward of RMSNorm for a kept input: u = dy∘w; dx += r·u − x·(r³/D)·Σ(u∘x); dy, x, dx [T, D], r [T, 1].
package func rmsNormBackward<E: Scalar>(
    _ dy: Matrix<E>, x: Operand<E>, weight: Matrix<E>, inverseRoot r: Matrix<E>, accumulatingInto dx: Matrix<E>
) {
    switch x {
    case .exact(let x): rmsNormBackward(dy, x: x, weight: weight, inverseRoot: r, accumulatingInto: dx)
    case .rounded(let x):
        precondition(x.rows == dy.rows && x.columns == dy.columns && weight.count == x.columns && r.count == x.rows)
        precondition(dx.rows == x.rows && dx.columns == x.columns)
        attune_rounded_rms_norm_backward(
            dy.float.pointer, x.bits, weight.float.pointer, r.float.pointer, dx.float.pointer, Int64(x.rows),
            Int64(x.columns))
    }
}

/// SwiGLU: h = g·σ(g)·u, σ the sigmoid; g, u, h [T, F] (arXiv:2002.05202).
package func swiGLU<E: Scalar>(gate: Operand<E>, up: Operand<E>, into h: Operand<E>) {
    switch (gate, up, h) {
    case (.exact(let gate), .exact(let up), .exact(let h)): swiGLU(gate: gate, up: up, into: h)
    case (.rounded(let gate), .rounded(let up), .rounded(let h)):
        precondition(gate.count == up.count && up.count == h.count, "shapes of SwiGLU")
        attune_rounded_swiglu(gate.bits, up.bits, h.bits, Int64(h.count))
    default: preconditionFailure("operands of different cases")
    }
}

/// Backward of SwiGLU in place: gate ← dh·u·σ(1 + g(1 − σ)), up ← dh·g·σ; all [T, F].
///
/// Where `h` is given it becomes what `swiGLU` makes of gate and up as they were.
package func swiGLUBackward<E: Scalar>(dh: Operand<E>, gate: Operand<E>, up: Operand<E>, into h: Operand<E>? = nil) {
    switch (dh, gate, up) {
    case (.exact(let dh), .exact(let gate), .exact(let up)):
        if let h { swiGLU(gate: .exact(gate), up: .exact(up), into: h) }
        swiGLUBackward(dh: dh, gate: gate, up: up, dGate: gate, dUp: up)
    case (.rounded(let dh), .rounded(let gate), .rounded(let up)):
        precondition(dh.count == gate.count && gate.count == up.count, "shapes of SwiGLU")
        var result: UnsafeMutablePointer<UInt16>?
        if let h {
            guard case .rounded(let h) = h, h.count == dh.count else { preconditionFailure("shapes of SwiGLU") }
            result = h.bits
        }
        attune_rounded_swiglu_backward(dh.bits, gate.bits, up.bits, gate.bits, up.bits, result, Int64(dh.count))
    default: preconditionFailure("operands of different cases")
    }
}

/// y = x with each head rotated as by `rotate` of a matrix; x, which may be used up, y [T, heads·hd].
package func rotate<E: Scalar>(
    _ x: Matrix<E>, headDimension: Int, positions: [Int32], table: RotaryTable<E>, inverse: Bool, into y: Operand<E>
) {
    guard case .rounded(let y) = y else {
        rotate(x, headDimension: headDimension, positions: positions, table: table, inverse: inverse)
        return y.set(x)
    }
    precondition(y.rows == x.rows && y.columns == x.columns, "shapes of a rotation")
    table.check(x, headDimension: headDimension, positions: positions)
    attune_rounded_rotate(
        x.float.pointer, y.bits, Int64(x.rows), Int64(x.columns), Int64(headDimension), positions,
        table.cosines.float.pointer, table.sines.float.pointer, Int64(table.rotaryDimension / 2),
        table.adjacentPairs ? 1 : 0, inverse ? 1 : 0)
}

/// Causal attention inside segments, as `attention` of matrices, for values and results that may be rounded.
package func attention<E: Scalar>(
    q: Matrix<E>, k: Matrix<E>, v: Operand<E>, headDimension: Int, segments: [Range<Int>], scale: E,
    into o: Operand<E>, logSumExp l: Matrix<E>
) {
    switch (v, o) {
    case (.exact(let v), .exact(let o)):
        attention(
            q: q, k: k, v: v, headDimension: headDimension, segments: segments, scale: scale, into: o, logSumExp: l)
    case (.rounded(let v), .rounded(let o)):
        precondition(o.rows == q.rows && o.columns == q.columns && l.rows == q.rows, "shapes of attention")
        precondition(v.rows == k.rows && v.columns == k.columns, "shapes of attention")
        precondition(l.columns == q.columns / headDimension, "shape of log Σ exp")
        withAttentionShape(q: q, k: k, v: k, headDimension: headDimension, segments: segments, scale: scale) {
            attune_rounded_attention($0, q.float.pointer, k.float.pointer, v.bits, o.bits, l.float.pointer)
        }
    default: preconditionFailure("operands of different cases")
    }
}

/// Backward of attention, as `attentionBackward` of matrices; dq, dk, dv are overwritten.
package func attentionBackward<E: Scalar>(
    dO: Operand<E>, q: Matrix<E>, k: Matrix<E>, v: Operand<E>, o: Operand<E>, logSumExp l: Matrix<E>,
    headDimension: Int, segments: [Range<Int>], scale: E, into dq: Matrix<E>, dk: Matrix<E>, dv: Matrix<E>
) {
    switch (dO, v, o) {
    case (.exact(let dO), .exact(let v), .exact(let o)):
        attentionBackward(
            dO: dO, q: q, k: k, v: v, o: o, logSumExp: l, headDimension: headDimension, segments: segments,
            scale: scale, into: dq, dk: dk, dv: dv)
    case (.rounded(let dO), .rounded(let v), .rounded(let o)):
        precondition(dO.count == q.count && o.count == q.count && l.count == q.count / headDimension)
        precondition(dq.count == q.count && dk.count == k.count && dv.count == v.count && v.count == k.count)
        withAttentionShape(q: q, k: k, v: k, headDimension: headDimension, segments: segments, scale: scale) {
            attune_rounded_attention_backward(
                $0, dO.bits, q.float.pointer, k.float.pointer, v.bits, o.bits, l.float.pointer, dq.float.pointer,
                dk.float.pointer, dv.float.pointer)
        }
    default: preconditionFailure("operands of different cases")
    }
}
