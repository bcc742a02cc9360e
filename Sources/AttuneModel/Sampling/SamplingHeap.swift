// Attune
// SPDX-License-Identifier: Apache-2.0

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
