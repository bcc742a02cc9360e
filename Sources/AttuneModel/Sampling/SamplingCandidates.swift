// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The tokens that may still be drawn, with their logits; cuts never sort more than they keep.
///
/// Tokens of equal logit are ordered by id, so that the result does not depend on the way it was found.
struct SamplingCandidates {
    struct Candidate: Equatable {
        let id: Int32
        var logit: Float

        /// Whether this one is likelier.
        func precedes(_ other: Candidate) -> Bool { logit != other.logit ? logit > other.logit : id < other.id }
    }

    private(set) var items: [Candidate]
    /// Whether `items` runs from the likeliest to the least likely.
    private(set) var isSorted = false

    init(_ logits: [Float]) {
        items = []
        items.reserveCapacity(logits.count)
        for (id, logit) in logits.enumerated() { items.append(Candidate(id: Int32(id), logit: logit)) }
    }

    var count: Int { items.count }

    /// The likeliest; there is always one.
    var best: Candidate {
        if isSorted { return items[0] }
        return items.dropFirst().reduce(items[0]) { $1.precedes($0) ? $1 : $0 }
    }

    /// e^(logit − largest logit) of each, in order.
    var weights: [Double] {
        let top = best.logit
        return items.map { exp(Double($0.logit - top)) }
    }

    /// e^(logit − largest logit) over their sum, in order.
    var probabilities: [Double] {
        let weights = weights
        let sum = weights.reduce(0, +)
        return weights.map { $0 / sum }
    }

    mutating func divideLogits(by divisor: Float) {
        for index in items.indices { items[index].logit /= divisor }
    }

    /// Keeps tokens whose logit is at least `bound`, and always the likeliest.
    mutating func keep(atLeast bound: Float) {
        let top = best
        items.removeAll { $0.logit < bound && $0 != top }
    }

    /// Keeps the `limit` likeliest, sorted: a bounded heap, V·log k.
    mutating func keepTop(_ limit: Int) {
        guard limit < items.count || !isSorted else { return }
        guard limit < items.count else {
            items.sort { $0.precedes($1) }
            isSorted = true
            return
        }
        // Heap with the least likely at the root, so that most of the tokens cost one comparison.
        var heap = Heap(items[..<limit]) { $1.precedes($0) }
        for item in items[limit...] where item.precedes(heap.root) { heap.replaceRoot(by: item) }
        items = heap.items.sorted { $0.precedes($1) }
        isSorted = true
    }

    /// Keeps the likeliest until they hold `share` of the probability, the crossing one included; sorted.
    mutating func keepMass(_ share: Double) {
        let top = best.logit
        let sum = items.reduce(0.0) { $0 + exp(Double($1.logit - top)) }
        var heap = Heap(items[...]) { $0.precedes($1) }
        var kept: [Candidate] = []
        var mass = 0.0
        while let item = heap.removeRoot() {
            kept.append(item)
            mass += exp(Double(item.logit - top)) / sum
            if mass >= share { break }
        }
        items = kept
        isSorted = true
    }

    /// Keeps the tokens whose surprise is nearest to the entropy until they hold more than `share`.
    mutating func keepTypical(_ share: Double) {
        let probabilities = probabilities
        let entropy = probabilities.reduce(0.0) { $1 > 0 ? $0 - $1 * log($1) : $0 }
        let order = zip(items, probabilities).map { (item: $0, p: $1, distance: abs(-log($1) - entropy)) }
        var heap = Heap(order[...]) {
            $0.distance != $1.distance ? $0.distance < $1.distance : $0.item.precedes($1.item)
        }
        var kept: [Candidate] = []
        var mass = 0.0
        while let next = heap.removeRoot() {
            kept.append(next.item)
            mass += next.p
            if mass > share { break }
        }
        items = kept
        isSorted = false
    }

    /// Drops the first `count`, which must leave one.
    mutating func dropFirst(_ count: Int) { items.removeFirst(min(count, items.count - 1)) }

    /// Keeps the first `count`, at least one.
    mutating func keepFirst(_ count: Int) { items.removeLast(items.count - max(1, min(count, items.count))) }

    mutating func sort() { keepTop(items.count) }
}

extension SamplingCandidates {
    /// A binary heap whose root comes before all others.
    struct Heap<Item> {
        private(set) var items: [Item]
        private let precedes: (Item, Item) -> Bool

        /// Built in linear time.
        init(_ items: ArraySlice<Item>, precedes: @escaping (Item, Item) -> Bool) {
            self.items = Array(items)
            self.precedes = precedes
            for index in stride(from: items.count / 2 - 1, through: 0, by: -1) { sink(index) }
        }

        /// The first; the heap must not be empty.
        var root: Item { items[0] }

        mutating func replaceRoot(by item: Item) {
            items[0] = item
            sink(0)
        }

        mutating func removeRoot() -> Item? {
            guard let root = items.first else { return nil }
            let last = items.removeLast()
            if !items.isEmpty { replaceRoot(by: last) }
            return root
        }

        private mutating func sink(_ start: Int) {
            var parent = start
            while true {
                var first = parent
                for child in [2 * parent + 1, 2 * parent + 2] where child < items.count {
                    if precedes(items[child], items[first]) { first = child }
                }
                if first == parent { return }
                items.swapAt(first, parent)
                parent = first
            }
        }
    }
}
