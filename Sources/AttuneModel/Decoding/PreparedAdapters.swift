// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// Adapters that act together, unmerged: ΔY = Σ s·(X·Aᵀ)·Bᵀ at each of their sites, with the factors at hand.
///
/// Made once, and used by any number of sequences.
final class PreparedAdapters: Sendable {
    let applied: [AppliedAdapter]
    /// For each layer and each group of it the factors that act, on a first row.
    private let packed: [[LowRankRows]]
    /// The largest rank; 0 if nothing acts.
    let rank: Int
    private let factors: [LoRASite: [LoRAFactors<Float>]]

    /// - Parameter applied: those with scale 0 do not act.
    /// - Precondition: the adapters were made for `shape`.
    init(_ applied: [AppliedAdapter], shape: BaseShape) {
        precondition(applied.allSatisfy { $0.adapter.layout.fits(shape) }, "an adapter belongs to another base")
        self.applied = applied
        let acting = applied.filter { $0.scale != 0 }
        packed = (0..<shape.layers).flatMap { layer in
            ProjectionGroup.allCases.map { group in
                acting.compactMap { one in
                    one.packed.factors(group, layer: layer).map {
                        LowRankRows($0, rows: 0..<1, strength: one.scale)
                    }
                }
            }
        }
        var factors: [LoRASite: [LoRAFactors<Float>]] = [:]
        for one in acting {
            for entry in one.adapter.layout.entries {
                factors[entry.site, default: []].append(
                    LoRAFactors(one.adapter.parameters, entry, strength: one.scale))
            }
        }
        self.factors = factors
        rank = factors.values.joined().map(\.rank).max() ?? 0
    }

    /// Whether these are the same adapters with the same strengths in the same order.
    func areSame(as other: [AppliedAdapter]) -> Bool {
        applied.elementsEqual(other) {
            $0.scale == $1.scale && $0.adapter.parameters.values.storage === $1.adapter.parameters.values.storage
        }
    }

    /// What products in int8 take to add ΔY to some rows of the outputs of a group.
    func terms(_ group: ProjectionGroup, layer: Int, rows: Range<Int>) -> [LowRankRows] {
        let first = packed[group.index(layer: layer)]
        return rows == 0..<1 ? first : first.map { $0.over(rows) }
    }

    /// Y += Σ s·(X·Aᵀ)·Bᵀ: X [n, in], Y [n, out]; `inner` is scratch memory for n × `rank`.
    func add(_ x: Matrix<Float>, at site: LoRASite, inner: Matrix<Float>, to y: Matrix<Float>) {
        for factor in factors[site] ?? [] {
            let projected = inner.leading(x.rows, factor.rank)
            factor.project(x, into: projected)
            factor.expand(projected, into: y)
        }
    }
}
