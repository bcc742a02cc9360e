// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// Keys (after rotation) and values of the positions evaluated so far, as [layer][key-value head][position][hd].
///
/// Memory grows by doubling up to the context length, so a short conversation costs little:
/// 2·L·K·hd·4 bytes for each position.
struct KVCache {
    let keyValueHeads: Int
    let headDimension: Int
    /// The most positions there may ever be.
    let limit: Int
    /// Positions there is memory for.
    private(set) var capacity = 0
    /// For each layer K·capacity × hd; row = head·capacity + position.
    private(set) var keys: [Matrix<Float>]
    private(set) var values: [Matrix<Float>]

    init(configuration: ModelConfiguration, limit: Int) {
        keyValueHeads = configuration.keyValueHeads
        headDimension = configuration.headDimension
        self.limit = limit
        keys = Array(repeating: Matrix(rows: 0, columns: headDimension), count: configuration.layers)
        values = keys
    }

    /// Makes room for `positions` positions, of which the first `used` keep their contents.
    ///
    /// - Precondition: `positions` ≤ `limit`.
    mutating func reserve(_ positions: Int, keeping used: Int) {
        precondition(positions <= limit, "\(positions) positions of \(limit)")
        guard positions > capacity else { return }
        let larger = min(limit, max(positions, 2 * capacity, 256))
        for layer in keys.indices {
            keys[layer] = moved(keys[layer], to: larger, keeping: used)
            values[layer] = moved(values[layer], to: larger, keeping: used)
        }
        capacity = larger
    }

    /// Stores keys and values [n, K·hd] of positions `position`..<`position` + n of a layer.
    func store(_ key: Matrix<Float>, _ value: Matrix<Float>, layer: Int, position: Int) {
        for (source, target) in [(key, keys[layer]), (value, values[layer])] {
            for head in 0..<keyValueHeads {
                let column = source.pointer + head * headDimension
                let row = target.pointer + (head * capacity + position) * headDimension
                for index in 0..<source.rows {
                    (row + index * headDimension).update(
                        from: column + index * source.columns, count: headDimension)
                }
            }
        }
    }

    private func moved(_ old: Matrix<Float>, to larger: Int, keeping used: Int) -> Matrix<Float> {
        let new = Matrix<Float>(rows: keyValueHeads * larger, columns: headDimension)
        guard used > 0 else { return new }
        for head in 0..<keyValueHeads {
            new.rows(head * larger..<head * larger + used).copy(
                from: old.rows(head * capacity..<head * capacity + used))
        }
        return new
    }
}
