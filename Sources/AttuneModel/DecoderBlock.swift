// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// One block while decoding: M = X + Wo·Attn(norm(X), cache), Y = M + FFN(norm(M)), for n new positions.
struct DecoderBlock: Sendable {
    let layer: Int
    let attentionNorm: Matrix<Float>
    let query: AdaptedLinear
    let key: AdaptedLinear
    let value: AdaptedLinear
    let output: AdaptedLinear
    let feedForwardNorm: Matrix<Float>
    let gate: AdaptedLinear
    let up: AdaptedLinear
    let down: AdaptedLinear
    let configuration: ModelConfiguration

    init(model: BaseModel, layer: Int, adapters: [AppliedAdapter], precision: Precision) {
        let weights = model.layers[layer]
        func site(_ module: TargetModule) -> AdaptedLinear {
            AdaptedLinear(
                Linear(weights, module, precision: precision), site: LoRASite(layer: layer, module: module),
                adapters: adapters)
        }
        self.layer = layer
        attentionNorm = weights.attentionNorm
        query = site(.query)
        key = site(.key)
        value = site(.value)
        output = site(.output)
        feedForwardNorm = weights.feedForwardNorm
        gate = site(.gate)
        up = site(.up)
        down = site(.down)
        configuration = model.configuration
    }

    /// Turns the residual stream `x` [n, D] of the positions from `first` on into the block's output, in place.
    func forward(
        _ x: Matrix<Float>, first: Int, positions: [Int32], cache: KVCache, scratch: DecoderScratch,
        table: RotaryTable<Float>
    ) {
        let count = x.rows
        let width = configuration.headDimension
        let normalized = scratch.normalized.prefix(count)
        let root = scratch.root.prefix(count)
        let (q, k, v) = (scratch.query.prefix(count), scratch.key.prefix(count), scratch.value.prefix(count))
        let mixed = scratch.mixed.prefix(count)
        rmsNorm(x, weight: attentionNorm, epsilon: configuration.normEpsilon, into: normalized, inverseRoot: root)
        query.forward(normalized, inner: scratch.inner, into: q)
        key.forward(normalized, inner: scratch.inner, into: k)
        value.forward(normalized, inner: scratch.inner, into: v)
        rotate(q, headDimension: width, positions: positions, table: table, inverse: false)
        rotate(k, headDimension: width, positions: positions, table: table, inverse: false)
        let rows = [cache.rows(layer: layer, position: first, count: count)]
        store(k, v, into: rows)
        cachedAttention(q: q, on: rows, scale: configuration.attentionScale, into: mixed)
        output.forward(mixed, inner: scratch.inner, into: x, accumulating: true)

        let (gated, upper) = (scratch.gate.prefix(count), scratch.up.prefix(count))
        rmsNorm(x, weight: feedForwardNorm, epsilon: configuration.normEpsilon, into: normalized, inverseRoot: root)
        gate.forward(normalized, inner: scratch.inner, into: gated)
        up.forward(normalized, inner: scratch.inner, into: upper)
        let hidden = scratch.hidden.prefix(count)
        swiGLU(gate: gated, up: upper, into: hidden)
        down.forward(hidden, inner: scratch.inner, into: x, accumulating: true)
    }
}
