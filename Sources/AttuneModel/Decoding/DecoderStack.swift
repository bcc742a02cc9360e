// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
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

/// Memory that the blocks use in turn while `rows` positions are evaluated at once.
struct DecoderScratch {
    /// Residual stream, n × D.
    let stream: Matrix<Float>
    /// n × D.
    let normalized: Matrix<Float>
    /// n × 1.
    let root: Matrix<Float>
    /// n × H·hd.
    let query: Matrix<Float>
    /// n × K·hd.
    let key: Matrix<Float>
    /// n × K·hd.
    let value: Matrix<Float>
    /// n × H·hd.
    let mixed: Matrix<Float>
    /// n × F.
    let gate: Matrix<Float>
    /// n × F.
    let up: Matrix<Float>
    /// n × F.
    let hidden: Matrix<Float>
    /// n × the largest rank of the adapters.
    private(set) var inner: Matrix<Float>

    init(shape: BaseShape, rows: Int) {
        let queryWidth = shape.heads * shape.headDimension
        let keyWidth = shape.keyValueHeads * shape.headDimension
        stream = Matrix(rows: rows, columns: shape.width)
        normalized = Matrix(rows: rows, columns: shape.width)
        root = Matrix(rows: rows, columns: 1)
        query = Matrix(rows: rows, columns: queryWidth)
        key = Matrix(rows: rows, columns: keyWidth)
        value = Matrix(rows: rows, columns: keyWidth)
        mixed = Matrix(rows: rows, columns: queryWidth)
        gate = Matrix(rows: rows, columns: shape.feedForward)
        up = Matrix(rows: rows, columns: shape.feedForward)
        hidden = Matrix(rows: rows, columns: shape.feedForward)
        inner = Matrix(rows: rows, columns: 0)
    }

    /// Bytes of the scratch memory for `rows` positions, without that of adapters.
    static func bytes(shape: BaseShape, rows: Int) -> Int {
        let attention = 2 * shape.heads * shape.headDimension + 2 * shape.keyValueHeads * shape.headDimension
        return rows * (2 * shape.width + 1 + attention + 3 * shape.feedForward) * MemoryLayout<Float>.stride
    }

    /// Makes room for adapters of `rank`.
    mutating func reserve(rank: Int) {
        if rank > inner.columns { inner = Matrix(rows: stream.rows, columns: rank) }
    }
}
