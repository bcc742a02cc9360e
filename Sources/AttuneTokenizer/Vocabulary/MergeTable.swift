// Attune
// SPDX-License-Identifier: Apache-2.0

/// The merges of a byte-level BPE vocabulary: which two symbols join, how early, and into what.
///
/// A hash table with linear probing; its hash is seeded for each process, since a file may be made to collide.
struct MergeTable: Sendable {
    /// Rank of a pair that does not merge.
    static let none = UInt32.max

    /// The symbol that the merge of each rank makes.
    private(set) var merged: [Int32] = []
    private var keys: [UInt64]
    private var ranks: [UInt32]
    private let mask: Int

    private static let seed = UInt64.random(in: 1...UInt64.max) | 1

    /// A table with room for `capacity` merges.
    init(capacity: Int) {
        var size = 16
        while size < capacity * 2 + 2 { size *= 2 }
        keys = Array(repeating: 0, count: size)
        ranks = Array(repeating: Self.none, count: size)
        mask = size - 1
        merged.reserveCapacity(capacity)
    }

    /// Adds the next merge; of two merges of one pair the first counts.
    mutating func append(_ left: Int32, _ right: Int32, makes symbol: Int32) {
        let place = slot(left, right)
        if ranks[place] == Self.none {
            keys[place] = Self.key(left, right)
            ranks[place] = UInt32(merged.count)
        }
        merged.append(symbol)
    }

    /// Uses up a rank for a merge that no text can reach.
    mutating func skip() { merged.append(-1) }

    /// Rank of the merge of two symbols, `none` if there is none; lower merges first.
    func rank(_ left: Int32, _ right: Int32) -> UInt32 { ranks[slot(left, right)] }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    private func slot(_ left: Int32, _ right: Int32) -> Int {
        let key = Self.key(left, right)
        let product = (key ^ (key >> 31)) &* Self.seed
        var place = Int(truncatingIfNeeded: product >> 20) & mask
        while ranks[place] != Self.none && keys[place] != key { place = (place + 1) & mask }
        return place
    }
}
