// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// The frozen weights of one block: y = h + W_down·(silu(W_gate·n)·(W_up·n)), n = norm(h), h = x + W_o·attention(norm(x)).
///
/// D width, F feed-forward width, H heads, K key-value heads, hd head dimension; weights are [outputs, inputs].
package struct LayerWeights: Sendable {
    /// 1 × D.
    package let attentionNorm: Matrix<Float>
    /// [H·hd, D]
    package let query: WeightMatrix
    /// [K·hd, D]
    package let key: WeightMatrix
    /// [K·hd, D]
    package let value: WeightMatrix
    /// [D, H·hd]
    package let output: WeightMatrix
    /// 1 × D.
    package let feedForwardNorm: Matrix<Float>
    /// [F, D]
    package let gate: WeightMatrix
    /// [F, D]
    package let up: WeightMatrix
    /// [D, F]
    package let down: WeightMatrix
    /// 1 × outputs, added after the product; most models have none.
    package let biases: [TargetModule: Matrix<Float>]

    package var queryBias: Matrix<Float>? { biases[.query] }
    package var keyBias: Matrix<Float>? { biases[.key] }
    package var valueBias: Matrix<Float>? { biases[.value] }
    package var outputBias: Matrix<Float>? { biases[.output] }
    package var gateBias: Matrix<Float>? { biases[.gate] }
    package var upBias: Matrix<Float>? { biases[.up] }
    package var downBias: Matrix<Float>? { biases[.down] }

    /// The weight that an adapter of `module` changes.
    package subscript(_ module: TargetModule) -> WeightMatrix {
        switch module {
        case .query: query
        case .key: key
        case .value: value
        case .output: output
        case .gate: gate
        case .up: up
        case .down: down
        }
    }
}
