// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import Foundation

/// Keys (after rotation) and values of the positions evaluated so far, as [layer][key-value head][position][hd].
///
/// Memory grows by doubling up to the context length, so a short conversation costs little: for each position
/// 2·L·K rows of hd elements, of 4 bytes as f32, 2 as f16 and 34/32 as q8_0.
struct KVCache {
    /// Positions that the first piece of memory has room for.
    private static let smallest = 256

    let type: CacheType
    let keyValueHeads: Int
    let headDimension: Int
    /// The most positions there may ever be.
    let limit: Int
    /// Positions there is memory for.
    private(set) var capacity = 0
    /// For each layer K·capacity rows; row = head·capacity + position.
    private(set) var keys: [Storage<UInt8>]
    /// As `keys`.
    private(set) var values: [Storage<UInt8>]

    /// - Precondition: heads are whole blocks of `type`.
    init(configuration: ModelConfiguration, limit: Int, type: CacheType = .f32) {
        precondition(type.fits(headDimension: configuration.headDimension), "heads are no whole blocks of \(type)")
        self.type = type
        keyValueHeads = configuration.keyValueHeads
        headDimension = configuration.headDimension
        self.limit = limit
        keys = Array(repeating: Storage(count: 0), count: configuration.layers)
        values = keys
    }

    /// Bytes of a cache that was made for `limit` positions and has taken `positions` of them at once.
    static func bytes(_ type: CacheType, shape: BaseShape, positions: Int, limit: Int) -> Int {
        let rows = 2 * shape.layers * shape.keyValueHeads * min(limit, max(positions, smallest))
        return rows * type.rowBytes(headDimension: shape.headDimension)
    }

    /// Makes room for `positions` positions, of which the first `used` keep their contents.
    ///
    /// - Precondition: `positions` ≤ `limit`.
    mutating func reserve(_ positions: Int, keeping used: Int) {
        precondition(positions <= limit, "\(positions) positions of \(limit)")
        guard positions > capacity else { return }
        let larger = min(limit, max(positions, 2 * capacity, Self.smallest))
        for layer in keys.indices {
            keys[layer] = moved(keys[layer], to: larger, keeping: used)
            values[layer] = moved(values[layer], to: larger, keeping: used)
        }
        capacity = larger
    }

    /// What the kernels take to store and to use `count` new positions of a layer from `position` on.
    func rows(layer: Int, position: Int, count: Int) -> CachedRows {
        CachedRows(
            type: type, keyValueHeads: keyValueHeads, headDimension: headDimension, capacity: capacity,
            keys: keys[layer], values: values[layer], positions: position..<position + count)
    }

    private func moved(_ old: Storage<UInt8>, to larger: Int, keeping used: Int) -> Storage<UInt8> {
        let bytes = type.rowBytes(headDimension: headDimension)
        let new = Storage<UInt8>(count: keyValueHeads * larger * bytes)
        guard used > 0 else { return new }
        for head in 0..<keyValueHeads {
            memcpy(new.base + head * larger * bytes, old.base + head * capacity * bytes, used * bytes)
        }
        return new
    }
}
