// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// A linear layer with the factors of the adapters in use, unmerged: Y = X·Wᵀ + b + Σ s·(X·Aᵀ)·Bᵀ.
struct AdaptedLinear: Sendable {
    let linear: Linear<Float>
    let factors: [LoRAFactors<Float>]

    init(_ linear: Linear<Float>, site: LoRASite, adapters: [AppliedAdapter]) {
        self.linear = linear
        factors = adapters.compactMap { applied in
            guard applied.scale != 0, let entry = applied.adapter.layout[site] else { return nil }
            return LoRAFactors(applied.adapter.parameters, entry, strength: applied.scale)
        }
    }

    /// X [n, in], Y [n, out]; `inner` is scratch memory for n × the largest rank.
    func forward(_ x: Matrix<Float>, inner: Matrix<Float>, into y: Matrix<Float>, accumulating: Bool = false) {
        linear.forward(x, into: y, accumulating: accumulating)
        for factor in factors {
            let projected = inner.leading(x.rows, factor.rank)
            factor.project(x, into: projected)
            factor.expand(projected, into: y)
        }
    }
}
