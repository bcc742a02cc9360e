// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// One block while decoding: M = X + Wo·Attn(norm(X), cache), Y = M + FFN(norm(M)), for n new positions.
struct DecoderBlock: Sendable {
    private let layer: Int
    private let attentionNorm: Matrix<Float>
    private var attention: Projection
    private var output: Projection
    private let feedForwardNorm: Matrix<Float>
    private var feedForward: Projection
    private var down: Projection
    private let configuration: ModelConfiguration

    init(model: BaseModel, layer: Int, precision: DecodingPrecision) {
        func projection(_ group: ProjectionGroup) -> Projection {
            Projection(model: model, group: group, layer: layer, precision: precision)
        }
        self.layer = layer
        attentionNorm = model.layers[layer].attentionNorm
        attention = projection(.attention)
        output = projection(.output)
        feedForwardNorm = model.layers[layer].feedForwardNorm
        feedForward = projection(.feedForward)
        down = projection(.down)
        configuration = model.configuration
    }

    /// Whether it multiplies with weights where they lie in their file.
    var readsFile: Bool { [attention, output, feedForward, down].contains { $0.readsFile } }

    /// Takes over the adapters that act from now on.
    mutating func use(_ adapters: [AppliedAdapter]) {
        attention.use(adapters)
        output.use(adapters)
        feedForward.use(adapters)
        down.use(adapters)
    }

    /// Turns the residual stream `x` [n, D] of the positions from `first` on into the block's output, in place.
    ///
    /// Keys and values of all rows are kept, but only the last `rows` of them are turned.
    func forward(
        _ x: Matrix<Float>, first: Int, positions: [Int32], rows: Int, cache: KVCache, scratch: DecoderScratch,
        table: RotaryTable<Float>
    ) {
        let count = x.rows
        let turned = count - rows..<count
        let width = configuration.headDimension
        let normalized = scratch.normalized.prefix(count)
        let (q, k, v) = (scratch.query.prefix(count), scratch.key.prefix(count), scratch.value.prefix(count))
        rmsNorm(
            x, weight: attentionNorm, epsilon: configuration.normEpsilon, into: normalized,
            inverseRoot: scratch.root.prefix(count))
        attention.forward(normalized, inner: scratch.inner, into: [q, k, v])
        rotate(q, headDimension: width, positions: positions, table: table, inverse: false)
        rotate(k, headDimension: width, positions: positions, table: table, inverse: false)
        store(k, v, into: [cache.rows(layer: layer, position: first, count: count)])
        let mixed = scratch.mixed.prefix(rows)
        cachedAttention(
            q: q.rows(turned), on: [cache.rows(layer: layer, position: first + turned.lowerBound, count: rows)],
            scale: configuration.attentionScale, into: mixed)
        let stream = x.rows(turned)
        output.forward(mixed, inner: scratch.inner, into: [stream], accumulating: true)

        let (gate, up) = (scratch.gate.prefix(rows), scratch.up.prefix(rows))
        let middle = scratch.normalized.prefix(rows)
        rmsNorm(
            stream, weight: feedForwardNorm, epsilon: configuration.normEpsilon, into: middle,
            inverseRoot: scratch.root.prefix(rows))
        feedForward.forward(middle, inner: scratch.inner, into: [gate, up])
        let hidden = scratch.hidden.prefix(rows)
        swiGLU(gate: gate, up: up, into: hidden)
        down.forward(hidden, inner: scratch.inner, into: [stream], accumulating: true)
    }
}
