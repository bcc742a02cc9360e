// Attune
// SPDX-License-Identifier: Apache-2.0

/// A binary heap of merges that could be made, lowest priority number first and leftmost among equals.
struct MergeQueue {
    struct Entry {
        var priority: UInt32
        /// Index of the left symbol, which also orders equal priorities.
        var left: Int
        var right: Int
        /// What both symbols were when this was added; an entry whose symbols have changed since is stale.
        var leftValue: Int
        var rightValue: Int

        static func < (a: Entry, b: Entry) -> Bool {
            a.priority != b.priority ? a.priority < b.priority : a.left < b.left
        }
    }

    private var entries: [Entry] = []

    mutating func push(_ entry: Entry) {
        var child = entries.count
        entries.append(entry)
        while child > 0 {
            let parent = (child - 1) / 2
            guard entry < entries[parent] else { break }
            entries[child] = entries[parent]
            child = parent
        }
        entries[child] = entry
    }

    mutating func pop() -> Entry? {
        guard let last = entries.popLast() else { return nil }
        guard let first = entries.first else { return last }
        var hole = 0
        while true {
            var child = 2 * hole + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count && entries[child + 1] < entries[child] { child += 1 }
            guard entries[child] < last else { break }
            entries[hole] = entries[child]
            hole = child
        }
        entries[hole] = last
        return first
    }
}
