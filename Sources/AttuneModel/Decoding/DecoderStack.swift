// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// The blocks and the head of a model, for new rows of any sequences, and the memory that they use in turn.
final class DecoderStack {
    /// Rows that are evaluated at once; longer inputs are cut into chunks.
    static let chunk = 512

    let model: BaseModel
    private let precision: DecodingPrecision
    private let table: RotaryTable<Float>
    private let blocks: [DecoderBlock]
    private var scratch: DecoderScratch

    /// - Parameters:
    ///   - contextLength: the most tokens of a sequence.
    ///   - rows: the most rows at once.
    init(model: BaseModel, contextLength: Int, rows: Int, precision: DecodingPrecision) {
        self.model = model
        self.precision = precision
        table = RotaryTable(configuration: model.configuration, positions: contextLength)
        blocks = (0..<model.shape.layers).map { DecoderBlock(model: model, layer: $0, precision: precision) }
        scratch = DecoderScratch(shape: model.shape, rows: rows)
    }

    /// Makes adapters ready to act.
    func prepare(_ adapters: [AppliedAdapter]) -> PreparedAdapters {
        let prepared = PreparedAdapters(adapters, shape: model.shape)
        scratch.reserve(rank: prepared.rank)
        return prepared
    }

    /// Residual stream after all blocks, of tokens `ids` that are the new rows of `spans` one after another, n × D, or
    /// of the last one of each span alone; valid until the next call.
    func forward(_ ids: [Int32], of spans: [DecoderSpan], lastOnly: Bool) -> Matrix<Float> {
        var stream = scratch.stream.prefix(ids.count)
        let pass = DecoderPass(spans)
        gatherRows(model.tokenEmbedding, ids, into: stream)
        model.residency.releaseEmbedding()
        for block in blocks {
            if block.readsFile { model.residency.use(block.layer, .cycle) }
            stream = block.forward(
                stream, pass: pass, lastOnly: lastOnly && block.layer == blocks.count - 1, scratch: scratch,
                table: table)
        }
        return stream
    }

    /// logits = norm(x)·Eᵀ: x [n, D], E [V, D].
    func project(_ x: Matrix<Float>, into logits: Matrix<Float>) {
        for start in stride(from: 0, to: x.rows, by: scratch.normalized.rows) {
            let rows = start..<min(x.rows, start + scratch.normalized.rows)
            let normalized = scratch.normalized.prefix(rows.count)
            rmsNorm(
                x.rows(rows), weight: model.finalNorm, epsilon: model.configuration.normEpsilon, into: normalized,
                inverseRoot: scratch.root.prefix(rows.count))
            if precision == .int8, let head = model.repacked.head {
                multiplyInt8(normalized, by: [head], into: [logits.rows(rows)])
            } else {
                model.residency.use(model.residency.head, .cycle)
                multiply(normalized, by: model.head, into: logits.rows(rows), precision: precision.wide)
            }
        }
    }
}
