// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor

/// A frozen linear layer Y = X·Wᵀ + b: X [T, in], W [out, in], b [out], Y [T, out].
struct Linear<Element: Scalar>: Sendable {
    let weight: WeightMatrix
    /// 1 × out, where the architecture has one.
    let bias: Matrix<Element>?
    let precision: Precision

    /// The layer `module` of a block.
    init(_ weights: LayerWeights, _ module: TargetModule, precision: Precision) {
        weight = weights[module]
        bias = weights.biases[module].map { Matrix(converting: $0) }
        self.precision = precision
    }

    /// Y = X·Wᵀ + b, or Y += X·Wᵀ + b when accumulating.
    func forward(_ x: Matrix<Element>, into y: Matrix<Element>, accumulating: Bool = false) {
        multiply(x, by: weight, bias: bias, into: y, precision: precision, accumulating: accumulating)
    }
}
