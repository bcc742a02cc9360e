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

private func check<E>(_ logits: Matrix<E>, _ targets: UnsafeBufferPointer<Int32>) {
    precondition(targets.count == logits.rows, "one target for each row")
    precondition(targets.allSatisfy { $0 >= 0 && $0 < logits.columns }, "target outside of the vocabulary")
}
