// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// Linear layers that read the same input, with the factors of the adapters in use, unmerged:
/// Y_i = X·W_iᵀ + b_i + Σ s·(X·A_iᵀ)·B_iᵀ.
struct Projection: Sendable {
    let group: ProjectionGroup
    let layer: Int
    private let linears: [Linear<Float>]
    /// The weights of `linears` for products in int8; nil: as they are in their file.
    private let repacked: [RepackedMatrix]?
    /// Adapters that act, as the products in int8 take them.
    private var packed: [(factors: LowRankFactors, strength: Float)] = []
    /// For each of `linears` the factors that act, as the other products take them.
    private var factors: [[LoRAFactors<Float>]]

    init(model: BaseModel, group: ProjectionGroup, layer: Int, precision: DecodingPrecision) {
        self.group = group
        self.layer = layer
        linears = group.modules.map { Linear(model.layers[layer], $0, precision: precision.wide) }
        repacked = precision == .int8 ? model.repacked.weights(group, layer: layer) : nil
        factors = linears.map { _ in [] }
    }

    /// Whether it multiplies with weights where they lie in their file.
    var readsFile: Bool { repacked == nil }

    /// Takes over the adapters that act from now on.
    mutating func use(_ adapters: [AppliedAdapter]) {
        let acting = adapters.filter { $0.scale != 0 }
        if repacked != nil {
            packed = acting.compactMap { applied in
                applied.packed.factors(group, layer: layer).map { ($0, applied.scale) }
            }
            return
        }
        factors = group.modules.map { module in
            acting.compactMap { applied in
                applied.adapter.layout[LoRASite(layer: layer, module: module)].map {
                    LoRAFactors(applied.adapter.parameters, $0, strength: applied.scale)
                }
            }
        }
    }

    /// X [n, in], Y_i [n, out_i]; `inner` is scratch memory for n × the largest rank.
    func forward(_ x: Matrix<Float>, inner: Matrix<Float>, into outputs: [Matrix<Float>], accumulating: Bool = false) {
        guard let repacked else {
            for (index, y) in outputs.enumerated() {
                linears[index].forward(x, into: y, accumulating: accumulating)
                for factor in factors[index] {
                    let projected = inner.leading(x.rows, factor.rank)
                    factor.project(x, into: projected)
                    factor.expand(projected, into: y)
                }
            }
            return
        }
        multiplyInt8(
            x, by: repacked, into: outputs,
            adding: packed.map { LowRankRows($0.factors, rows: 0..<x.rows, strength: $0.strength) },
            accumulating: accumulating)
        for (linear, y) in zip(linears, outputs) {
            guard let bias = linear.bias else { continue }
            for row in 0..<y.rows { add(bias, to: y.rows(row..<row + 1)) }
        }
    }
}
