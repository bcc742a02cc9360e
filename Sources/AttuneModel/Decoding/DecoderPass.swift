// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// New rows of one sequence.
struct DecoderSpan {
    let cache: KVCache
    let positions: Range<Int>
    let adapters: PreparedAdapters
}

/// Rows on which the same adapters act.
struct AdaptedRows {
    let adapters: PreparedAdapters
    var rows: Range<Int>
}

/// What a pass through the blocks is about: the new rows of sequences, one sequence after another.
struct DecoderPass {
    let spans: [DecoderSpan]
    /// Of each row.
    let positions: [Int32]
    /// Rows on which adapters act, those of neighbours with the same ones together.
    let adapted: [AdaptedRows]

    init(_ spans: [DecoderSpan]) {
        self.spans = spans
        positions = spans.flatMap { $0.positions.map(Int32.init) }
        var adapted: [AdaptedRows] = []
        var row = 0
        for span in spans {
            let rows = row..<row + span.positions.count
            row = rows.upperBound
            guard span.adapters.rank > 0 else { continue }
            if let last = adapted.last, last.adapters === span.adapters, last.rows.upperBound == rows.lowerBound {
                adapted[adapted.count - 1].rows = last.rows.lowerBound..<rows.upperBound
            } else {
                adapted.append(AdaptedRows(adapters: span.adapters, rows: rows))
            }
        }
        self.adapted = adapted
    }

    /// The same for the last new row of each sequence alone.
    var last: DecoderPass {
        DecoderPass(
            spans.map {
                DecoderSpan(
                    cache: $0.cache, positions: $0.positions.upperBound - 1..<$0.positions.upperBound,
                    adapters: $0.adapters)
            })
    }

    /// Moves the last new row of each sequence to the front of `x` [n, …] and returns the view on them.
    func compact(_ x: Matrix<Float>) -> Matrix<Float> {
        var end = 0
        for (index, span) in spans.enumerated() {
            end += span.positions.count
            if end > index + 1 { x.rows(index..<index + 1).copy(from: x.rows(end - 1..<end)) }
        }
        return x.prefix(spans.count)
    }

    /// What the kernels take to store and to use the rows' keys and values of a layer.
    func cached(layer: Int) -> [CachedRows] {
        spans.map { $0.cache.rows(layer: layer, position: $0.positions.lowerBound, count: $0.positions.count) }
    }
}
