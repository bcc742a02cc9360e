// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// Causal attention inside segments: O_i = Σ_j softmax_j(scale·q_i·k_j)·v_j over j ≤ i of the same segment.
///
/// q, O [T, H·hd], k, v [T, K·hd]; query head h reads key-value head h/(H/K). l [T, H] = log Σ_j exp(scale·q_i·k_j), which
/// the backward pass needs. Segments cover 0..<T.
package func attention<E: Scalar>(
    q: Matrix<E>, k: Matrix<E>, v: Matrix<E>, headDimension: Int, segments: [Range<Int>], scale: E,
    into o: Matrix<E>, logSumExp l: Matrix<E>
) {
    precondition(o.rows == q.rows && o.columns == q.columns && l.rows == q.rows, "shapes of attention")
    precondition(l.columns == q.columns / headDimension, "shape of log Σ exp")
    withAttentionShape(q: q, k: k, v: v, headDimension: headDimension, segments: segments, scale: scale) {
        attune_attention(E.kind, $0, q.pointer, k.pointer, v.pointer, o.pointer, l.pointer)
    }
}

/// Backward of attention: P = exp(scale·QKᵀ − l), D_i = dO_i·O_i, dV = PᵀdO, dS = P∘(dO·Vᵀ − D), dQ = scale·dS·K,
/// dK = scale·dSᵀ·Q (arXiv:2205.14135).
///
/// Shapes as in `attention`; dq, dk, dv are overwritten, and dk and dv add up over the query heads of a key-value head.
package func attentionBackward<E: Scalar>(
    dO: Matrix<E>, q: Matrix<E>, k: Matrix<E>, v: Matrix<E>, o: Matrix<E>, logSumExp l: Matrix<E>,
    headDimension: Int, segments: [Range<Int>], scale: E, into dq: Matrix<E>, dk: Matrix<E>, dv: Matrix<E>
) {
    precondition(dO.rows == q.rows && dO.columns == q.columns && o.rows == q.rows && o.columns == q.columns)
    precondition(dq.rows == q.rows && dq.columns == q.columns && dk.rows == k.rows && dk.columns == k.columns)
    precondition(dv.rows == v.rows && dv.columns == v.columns && l.count == q.count / headDimension)
    withAttentionShape(q: q, k: k, v: v, headDimension: headDimension, segments: segments, scale: scale) {
        attune_attention_backward(
            E.kind, $0, dO.pointer, q.pointer, k.pointer, v.pointer, o.pointer, l.pointer, dq.pointer, dk.pointer,
            dv.pointer)
    }
}

/// Runs `body` with what the C functions call the shape of an attention problem, after checking it.
func withAttentionShape<E: Scalar>(
    q: Matrix<E>, k: Matrix<E>, v: Matrix<E>, headDimension: Int, segments: [Range<Int>], scale: E,
    _ body: (UnsafePointer<attune_attention_shape>) -> Void
) {
    precondition(q.rows == k.rows && k.rows == v.rows && k.columns == v.columns, "shapes of attention")
    precondition(headDimension > 0 && q.columns % headDimension == 0 && k.columns % headDimension == 0)
    precondition(k.columns > 0 && q.columns % k.columns == 0, "query heads are a multiple of the key-value heads")
    precondition(segments.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= q.rows }, "segment outside of the rows")
    _ = Kernels.prepared
    // A range lies in memory as its two bounds, which is how the kernels take them.
    precondition(MemoryLayout<Range<Int>>.stride == 2 * MemoryLayout<Int64>.stride)
    segments.withUnsafeBytes { bounds in
        var shape = attune_attention_shape(
            tokens: Int64(q.rows), heads: Int64(q.columns / headDimension),
            key_value_heads: Int64(k.columns / headDimension), head_dimension: Int64(headDimension),
            segments: Int64(segments.count), bounds: bounds.baseAddress?.assumingMemoryBound(to: Int64.self),
            scale: Double(scale))
        body(&shape)
    }
}
