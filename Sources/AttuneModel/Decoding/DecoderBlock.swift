// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor

/// One block while decoding: M = X + Wo·Attn(norm(X), cache), Y = M + FFN(norm(M)), for n new rows of any sequences.
struct DecoderBlock: Sendable {
    let layer: Int
    private let attentionNorm: Matrix<Float>
    private let attention: Projection
    private let output: Projection
    private let feedForwardNorm: Matrix<Float>
    private let feedForward: Projection
    private let down: Projection
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

    /// Turns the residual stream `x` [n, D] of the rows of `pass` into the block's output, in place, and returns it.
    ///
    /// - Parameter lastOnly: keys and values of all rows are kept, but only the last new row of each sequence is turned
    ///   into output, S × D.
    func forward(
        _ x: Matrix<Float>, pass all: DecoderPass, lastOnly: Bool, scratch: DecoderScratch, table: RotaryTable<Float>
    ) -> Matrix<Float> {
        let width = configuration.headDimension
        let (q, k, v) = (scratch.query.prefix(x.rows), scratch.key.prefix(x.rows), scratch.value.prefix(x.rows))
        let normalized = normalize(x, weight: attentionNorm, scratch)
        attention.forward(normalized, adapted: all.adapted, inner: scratch.inner, into: [q, k, v])
        rotate(q, headDimension: width, positions: all.positions, table: table, inverse: false)
        rotate(k, headDimension: width, positions: all.positions, table: table, inverse: false)
        store(k, v, into: all.cached(layer: layer))

        let pass = lastOnly ? all.last : all
        let (stream, queries) = lastOnly ? (all.compact(x), all.compact(q)) : (x, q)
        let mixed = scratch.mixed.prefix(stream.rows)
        cachedAttention(q: queries, on: pass.cached(layer: layer), scale: configuration.attentionScale, into: mixed)
        output.forward(mixed, adapted: pass.adapted, inner: scratch.inner, into: [stream], accumulating: true)

        let (gate, up) = (scratch.gate.prefix(stream.rows), scratch.up.prefix(stream.rows))
        let middle = normalize(stream, weight: feedForwardNorm, scratch)
        feedForward.forward(middle, adapted: pass.adapted, inner: scratch.inner, into: [gate, up])
        let hidden = scratch.hidden.prefix(stream.rows)
        swiGLU(gate: gate, up: up, into: hidden)
        down.forward(hidden, adapted: pass.adapted, inner: scratch.inner, into: [stream], accumulating: true)
        return stream
    }

    /// norm(x) in scratch memory.
    private func normalize(_ x: Matrix<Float>, weight: Matrix<Float>, _ scratch: DecoderScratch) -> Matrix<Float> {
        let normalized = scratch.normalized.prefix(x.rows)
        rmsNorm(
            x, weight: weight, epsilon: configuration.normEpsilon, into: normalized,
            inverseRoot: scratch.root.prefix(x.rows))
        return normalized
    }
}
