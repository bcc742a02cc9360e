// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor

/// What decides the memory and the speed of a training pass.
package struct PassSettings: Hashable, Sendable {
    /// The most tokens of a batch.
    package var maxTokens: Int
    /// How products are computed; see `rounds`.
    package var precision: Precision
    /// Layers, counted from the top, that keep what their backward pass needs; those below keep their input alone and
    /// are run again (arXiv:1604.06174). At least 1; nil: all of them.
    package var keptLayers: Int?
    /// Whether passes may drop inputs of A, which needs memory for the masks' results.
    package var dropout: Bool

    /// Whether operands, and what is kept for the backward pass, are bfloat16: where nothing computes with such numbers
    /// float32 is both faster and more exact.
    package var rounds: Bool { precision == .bfloat16 && Kernels.computesBFloat16 }

    package init(maxTokens: Int, precision: Precision, keptLayers: Int? = nil, dropout: Bool = false) {
        self.maxTokens = maxTokens
        self.precision = precision
        self.keptLayers = keptLayers
        self.dropout = dropout
    }
}
