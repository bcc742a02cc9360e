// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor

/// Linear layers that read the same input, with factors of adapters on some of its rows, unmerged:
/// Y_i = X·W_iᵀ + b_i + Σ s·(X·A_iᵀ)·B_iᵀ.
struct Projection: Sendable {
    let group: ProjectionGroup
    let layer: Int
    private let linears: [Linear<Float>]
    /// The weights of `linears` for products in int8; nil: as they are in their file.
    private let repacked: [RepackedMatrix]?

    init(model: BaseModel, group: ProjectionGroup, layer: Int, precision: DecodingPrecision) {
        self.group = group
        self.layer = layer
        linears = group.modules.map { Linear(model.layers[layer], $0, precision: precision.wide) }
        repacked = precision == .int8 ? model.repacked.weights(group, layer: layer) : nil
    }

    /// Whether it multiplies with weights where they lie in their file.
    var readsFile: Bool { repacked == nil }

    /// X [n, in], Y_i [n, out_i]; `inner` is scratch memory for n × the largest rank.
    func forward(
        _ x: Matrix<Float>, adapted: [AdaptedRows], inner: Matrix<Float>, into outputs: [Matrix<Float>],
        accumulating: Bool = false
    ) {
        guard let repacked else {
            for (index, y) in outputs.enumerated() {
                linears[index].forward(x, into: y, accumulating: accumulating)
                let site = LoRASite(layer: layer, module: group.modules[index])
                for one in adapted {
                    one.adapters.add(x.rows(one.rows), at: site, inner: inner, to: y.rows(one.rows))
                }
            }
            return
        }
        multiplyInt8(x, by: repacked, into: outputs, adding: terms(adapted), accumulating: accumulating)
        for (linear, y) in zip(linears, outputs) {
            guard let bias = linear.bias else { continue }
            for row in 0..<y.rows { add(bias, to: y.rows(row..<row + 1)) }
        }
    }

    private func terms(_ adapted: [AdaptedRows]) -> [LowRankRows] {
        // Nearly always the same adapters act on all rows, and of one row nothing is copied.
        guard let first = adapted.first else { return [] }
        var terms = first.adapters.terms(group, layer: layer, rows: first.rows)
        for one in adapted.dropFirst() { terms += one.adapters.terms(group, layer: layer, rows: one.rows) }
        return terms
    }
}
