// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// Cross-entropy of logits z [C, V]: returns Σ −log softmax(z)[target] in nats, and replaces z by
/// dz = scale·(softmax(z) − onehot(target)).
package func crossEntropy<E: Scalar>(logits: Matrix<E>, targets: [Int32], scale: E) -> Double {
    targets.withUnsafeBufferPointer { crossEntropy(logits: logits, targets: $0, scale: scale) }
}

/// As above, with targets in memory of the caller.
package func crossEntropy<E: Scalar>(logits: Matrix<E>, targets: UnsafeBufferPointer<Int32>, scale: E) -> Double {
    check(logits, targets)
    guard scale == 0 else {
        return attune_cross_entropy(
            E.kind, logits.pointer, targets.baseAddress, Int64(logits.rows), Int64(logits.columns), Double(scale))
    }
    // To the kernel a scale of 0 means: no gradient wanted.
    let loss = attune_cross_entropy(
        E.kind, logits.pointer, targets.baseAddress, Int64(logits.rows), Int64(logits.columns), 0)
    logits.buffer.update(repeating: 0)
    return loss
}

/// Σ −log softmax(z)[target] in nats of logits z [C, V], which stay as they are.
package func negativeLogLikelihood(logits: Matrix<Float>, targets: [Int32]) -> Double {
    targets.withUnsafeBufferPointer { check(logits, $0) }
    return attune_cross_entropy(
        Float.kind, logits.pointer, targets, Int64(logits.rows), Int64(logits.columns), 0)
}

/// Next-token loss of bfloat16 products through a head E [V, D], without ever holding the logits of all positions.
///
/// Returns Σ −log softmax(X·Eᵀ)[target] in nats over the rows `positions` of X [T, D]; where a gradient dX [T, D] is
/// wanted, these rows of it become scale·(softmax(X·Eᵀ) − onehot)·E (the idea of arXiv:2411.09009).
/// - Parameters:
///   - positions: distinct rows of X.
///   - targets: T next tokens; read at `positions` alone, where they are below V.
package func headLoss(
    _ x: Matrix<Float>, positions: ArraySlice<Int>, targets: [Int32], head: WeightMatrix, scale: Float = 0,
    into dX: Matrix<Float>? = nil
) -> Double {
    precondition(x.columns == head.columns && targets.count >= x.rows, "shapes of a head")
    precondition(dX.map { $0.rows == x.rows && $0.columns == x.columns } ?? true, "shape of a gradient")
    precondition(
        positions.allSatisfy { $0 >= 0 && $0 < x.rows && targets[$0] >= 0 && targets[$0] < head.rows },
        "target outside of the vocabulary")
    _ = Kernels.prepared
    return positions.withUnsafeBytes { rows in
        head.withKernelWeight {
            attune_rounded_head_loss(
                x.pointer, rows.baseAddress?.assumingMemoryBound(to: Int64.self), targets, Int64(positions.count), $0,
                scale, dX?.pointer)
        }
    }
}

private func check<E>(_ logits: Matrix<E>, _ targets: UnsafeBufferPointer<Int32>) {
    precondition(targets.count == logits.rows, "one target for each row")
    precondition(targets.allSatisfy { $0 >= 0 && $0 < logits.columns }, "target outside of the vocabulary")
}
