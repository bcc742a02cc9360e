// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// Causal attention inside segments: O_i = Σ_j softmax_j(scale·q_i·k_j)·v_j over j ≤ i of the same segment.
///
/// q, O [T, H·hd], k, v [T, K·hd]; query head h reads key-value head h/(H/K). l [T, H] = log Σ_j exp(scale·q_i·k_j), which
/// the backward pass needs. Segments cover 0..<T. Queries and keys are exact: scores are small differences of large sums.
package func attention<N: OperandNumber>(
    q: Matrix<N.Exact>, k: Matrix<N.Exact>, v: Matrix<N>, headDimension: Int, segments: [Range<Int>], scale: N.Exact,
    into o: Matrix<N>, logSumExp l: Matrix<N.Exact>
) {
    precondition(o.rows == q.rows && o.columns == q.columns && l.rows == q.rows, "shapes of attention")
    precondition(v.rows == k.rows && v.columns == k.columns, "shapes of attention")
    precondition(l.columns == q.columns / headDimension, "shape of log Σ exp")
    N.attention(
        q: q, k: k, v: v, headDimension: headDimension, segments: segments, scale: scale, into: o, logSumExp: l)
}

/// Backward of attention: P = exp(scale·QKᵀ − l), D_i = dO_i·O_i, dV = PᵀdO, dS = P∘(dO·Vᵀ − D), dQ = scale·dS·K,
/// dK = scale·dSᵀ·Q (arXiv:2205.14135).
///
/// Shapes as in `attention`; dq, dk, dv are overwritten, and dk and dv add up over the query heads of a key-value head.
package func attentionBackward<N: OperandNumber>(
    dO: Matrix<N>, q: Matrix<N.Exact>, k: Matrix<N.Exact>, v: Matrix<N>, o: Matrix<N>, logSumExp l: Matrix<N.Exact>,
    headDimension: Int, segments: [Range<Int>], scale: N.Exact, into dq: Matrix<N.Exact>, dk: Matrix<N.Exact>,
    dv: Matrix<N.Exact>
) {
    precondition(dO.count == q.count && o.count == q.count && l.count == q.count / headDimension)
    precondition(dq.count == q.count && dk.count == k.count && dv.count == v.count && v.count == k.count)
    N.attentionBackward(
        dO: dO, q: q, k: k, v: v, o: o, logSumExp: l, headDimension: headDimension, segments: segments, scale: scale,
        into: dq, dk: dk, dv: dv)
}

extension PassNumber {
    package static func attention(
        q: Matrix<Self>, k: Matrix<Self>, v: Matrix<Self>, headDimension: Int, segments: [Range<Int>], scale: Self,
        into o: Matrix<Self>, logSumExp l: Matrix<Self>
    ) {
        withAttentionShape(q: q, k: k, v: v, headDimension: headDimension, segments: segments, scale: scale) {
            attune_attention(kind, $0, q.pointer, k.pointer, v.pointer, o.pointer, l.pointer)
        }
    }

    package static func attentionBackward(
        dO: Matrix<Self>, q: Matrix<Self>, k: Matrix<Self>, v: Matrix<Self>, o: Matrix<Self>,
        logSumExp l: Matrix<Self>, headDimension: Int, segments: [Range<Int>], scale: Self, into dq: Matrix<Self>,
        dk: Matrix<Self>, dv: Matrix<Self>
    ) {
        withAttentionShape(q: q, k: k, v: v, headDimension: headDimension, segments: segments, scale: scale) {
            attune_attention_backward(
                kind, $0, dO.pointer, q.pointer, k.pointer, v.pointer, o.pointer, l.pointer, dq.pointer, dk.pointer,
                dv.pointer)
        }
    }
}

extension BFloat16 {
    package static func attention(
        q: Matrix<Float>, k: Matrix<Float>, v: Matrix<BFloat16>, headDimension: Int, segments: [Range<Int>],
        scale: Float, into o: Matrix<BFloat16>, logSumExp l: Matrix<Float>
    ) {
        withAttentionShape(q: q, k: k, v: k, headDimension: headDimension, segments: segments, scale: scale) {
            attune_rounded_attention($0, q.pointer, k.pointer, v.bits, o.bits, l.pointer)
        }
    }

    package static func attentionBackward(
        dO: Matrix<BFloat16>, q: Matrix<Float>, k: Matrix<Float>, v: Matrix<BFloat16>, o: Matrix<BFloat16>,
        logSumExp l: Matrix<Float>, headDimension: Int, segments: [Range<Int>], scale: Float, into dq: Matrix<Float>,
        dk: Matrix<Float>, dv: Matrix<Float>
    ) {
        withAttentionShape(q: q, k: k, v: k, headDimension: headDimension, segments: segments, scale: scale) {
            attune_rounded_attention_backward(
                $0, dO.bits, q.pointer, k.pointer, v.bits, o.bits, l.pointer, dq.pointer, dk.pointer, dv.pointer)
        }
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
