// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import Foundation

/// KL(p ‖ q) of the distributions that two rows of logits stand for, in nats.
enum Divergence {
    static func of(_ p: Matrix<Float>, _ q: Matrix<Float>) -> Double {
        let (left, right) = (logProbabilities(p), logProbabilities(q))
        return left.indices.reduce(0) { $0 + exp(left[$1]) * (left[$1] - right[$1]) }
    }

    private static func logProbabilities(_ logits: Matrix<Float>) -> [Double] {
        let values = logits.buffer
        let top = Double(values.max() ?? 0)
        var sum = 0.0
        for value in values { sum += exp(Double(value) - top) }
        let normalizer = top + log(sum)
        return values.map { Double($0) - normalizer }
    }
}
