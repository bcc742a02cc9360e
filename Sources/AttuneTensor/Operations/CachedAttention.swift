// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CAttuneKernels

/// New rows of one sequence, and the keys and values that one layer keeps of it.
package struct CachedRows: Sendable {
    package let type: CacheType
    /// K.
    package let keyValueHeads: Int
    package let headDimension: Int
    /// Positions there is memory for.
    package let capacity: Int
    /// K·capacity rows of `type.rowBytes`; row = head·capacity + position.
    package let keys: Storage<UInt8>
    /// As `keys`.
    package let values: Storage<UInt8>
    /// Positions of the new rows.
    package let positions: Range<Int>

    package init(
        type: CacheType, keyValueHeads: Int, headDimension: Int, capacity: Int, keys: Storage<UInt8>,
        values: Storage<UInt8>, positions: Range<Int>
    ) {
        let bytes = keyValueHeads * capacity * type.rowBytes(headDimension: headDimension)
        precondition(type.fits(headDimension: headDimension), "rows of \(headDimension) as \(type)")
        precondition(keys.count >= bytes && values.count >= bytes, "\(keys.count) bytes of \(bytes)")
        precondition(positions.lowerBound >= 0 && positions.upperBound <= capacity, "\(positions) of \(capacity)")
        self.type = type
        self.keyValueHeads = keyValueHeads
        self.headDimension = headDimension
        self.capacity = capacity
        self.keys = keys
        self.values = values
        self.positions = positions
    }

    var span: attune_cached_span {
        attune_cached_span(
            first: Int64(positions.lowerBound), rows: Int64(positions.count), key_value_heads: Int64(keyValueHeads),
            head_dimension: Int64(headDimension), capacity: Int64(capacity), keys: keys.base, values: values.base,
            type: Int32(type.block.rawValue))
    }
}

/// Keeps k, v [Σ n, K·hd], the new rows of the sequences one after another.
package func store(_ k: Matrix<Float>, _ v: Matrix<Float>, into sequences: [CachedRows]) {
    check(sequences, rows: k.rows)
    precondition(k.columns == v.columns && k.rows == v.rows, "shapes of keys and values")
    precondition(sequences.allSatisfy { $0.keyValueHeads * $0.headDimension == k.columns }, "width of keys")
    withExtendedLifetime(sequences) {
        attune_cache_store(sequences.map(\.span), Int64(sequences.count), k.pointer, v.pointer)
    }
}

/// Attention of new rows on what was kept: O_i = Σ_j softmax_j(scale·q_i·k_j)·v_j over positions j up to that of i.
///
/// q, O [Σ n, H·hd], the new rows of the sequences one after another, which were stored before; query head h reads
/// key-value head h/(H/K). A row has the same bytes whatever other rows there are.
package func cachedAttention(
    q: Matrix<Float>, on sequences: [CachedRows], scale: Float, into o: Matrix<Float>
) {
    check(sequences, rows: q.rows)
    precondition(o.rows == q.rows && o.columns == q.columns, "shapes of attention")
    guard let first = sequences.first else { return }
    let heads = q.columns / first.headDimension
    precondition(heads * first.headDimension == q.columns && heads % first.keyValueHeads == 0, "heads of attention")
    withExtendedLifetime(sequences) {
        attune_cached_attention(
            sequences.map(\.span), Int64(sequences.count), Int64(heads), q.pointer, scale, o.pointer)
    }
}

private func check(_ sequences: [CachedRows], rows: Int) {
    precondition(sequences.reduce(0) { $0 + $1.positions.count } == rows, "\(rows) new rows")
    precondition(
        sequences.allSatisfy {
            $0.headDimension == sequences[0].headDimension && $0.keyValueHeads == sequences[0].keyValueHeads
        }, "sequences of different models")
    _ = Kernels.prepared
}

extension CacheType {
    /// The type of a block.
    var block: BlockType {
        switch self {
        case .f32: .f32
        case .f16: .f16
        case .q8_0: .q8_0
        }
    }

    /// Whether rows of `headDimension` elements are whole blocks.
    package func fits(headDimension: Int) -> Bool { headDimension % block.elements == 0 }

    /// Bytes of one row of `headDimension` elements.
    package func rowBytes(headDimension: Int) -> Int { headDimension / block.elements * block.bytes }
}
