// Attune
// SPDX-License-Identifier: Apache-2.0

/// What a person chooses about a LoRA adapter (Hu et al., arXiv:2106.09685).
package struct LoRAConfiguration: Codable, Hashable, Sendable {
    /// R, the inner width of A [R, in] and B [out, R].
    package var rank: Int
    package var alpha: Float
    /// Scale alpha/√R instead of alpha/R (rsLoRA, arXiv:2312.03732).
    package var rankStabilized: Bool
    /// Share of the inputs of A set to zero while training, 0..<1.
    package var dropout: Float
    package var modules: [TargetModule]
    /// Layers that are adapted, counted from 0; sorted.
    package var layers: [Int]

    package init(
        rank: Int, alpha: Float, rankStabilized: Bool = false, dropout: Float = 0,
        modules: [TargetModule] = TargetModule.allCases, layers: [Int]
    ) {
        self.rank = rank
        self.alpha = alpha
        self.rankStabilized = rankStabilized
        self.dropout = dropout
        self.modules = modules.sorted()
        self.layers = layers.sorted()
    }

    /// s in y = Wx + s·B(Ax).
    package var scale: Float { alpha / (rankStabilized ? Float(rank).squareRoot() : Float(rank)) }
}
