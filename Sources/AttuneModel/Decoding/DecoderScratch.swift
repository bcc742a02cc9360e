// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

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
