// Attune
// SPDX-License-Identifier: Apache-2.0

/// The symbols of one piece while they are merged; kept between pieces so that nothing is allocated for each.
struct BytePairWork {
    /// Before `merge` a symbol for each byte, after it the merged ones.
    var symbols: [Int32] = []
    /// Rank of the merge of symbol i with the next.
    private var ranks: [UInt32] = []
    private var next: [Int] = []
    private var previous: [Int] = []
    private var queue = MergeQueue()

    /// Longest piece for which looking through all ranks is faster than a queue.
    private static let shortPiece = 48

    /// Merges the pair of lowest rank, leftmost among equals, until no pair merges.
    mutating func merge(_ merges: MergeTable) {
        if symbols.count <= Self.shortPiece { mergeShort(merges) } else { mergeLong(merges) }
    }

    private mutating func mergeShort(_ merges: MergeTable) {
        guard symbols.count > 1 else { return }
        ranks.removeAll(keepingCapacity: true)
        for index in 0..<symbols.count - 1 { ranks.append(merges.rank(symbols[index], symbols[index + 1])) }
        while true {
            var best = MergeTable.none
            var place = 0
            for index in ranks.indices where ranks[index] < best {
                best = ranks[index]
                place = index
            }
            guard best != MergeTable.none else { return }
            symbols[place] = merges.merged[Int(best)]
            symbols.remove(at: place + 1)
            ranks.remove(at: place)
            if place > 0 { ranks[place - 1] = merges.rank(symbols[place - 1], symbols[place]) }
            if place < ranks.count { ranks[place] = merges.rank(symbols[place], symbols[place + 1]) }
        }
    }

    /// The same with a linked list and a queue: n log n for a piece of n bytes.
    private mutating func mergeLong(_ merges: MergeTable) {
        let count = symbols.count
        next = Array(1...count)
        previous = Array(-1..<count - 1)
        for index in 0..<count - 1 { push(index, index + 1, merges) }
        while let entry = queue.pop() {
            let (left, right) = (entry.left, entry.right)
            guard Int(symbols[left]) == entry.leftValue, Int(symbols[right]) == entry.rightValue,
                next[left] == right
            else { continue }
            symbols[left] = merges.merged[Int(entry.priority)]
            symbols[right] = -1
            next[left] = next[right]
            if next[left] < count { previous[next[left]] = left }
            if previous[left] >= 0 { push(previous[left], left, merges) }
            if next[left] < count { push(left, next[left], merges) }
        }
        symbols.removeAll { $0 < 0 }
    }

    private mutating func push(_ left: Int, _ right: Int, _ merges: MergeTable) {
        let rank = merges.rank(symbols[left], symbols[right])
        guard rank != MergeTable.none else { return }
        queue.push(
            MergeQueue.Entry(
                priority: rank, left: left, right: right, leftValue: Int(symbols[left]),
                rightValue: Int(symbols[right])))
    }
}
