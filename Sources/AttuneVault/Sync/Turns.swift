// Attune
// SPDX-License-Identifier: Apache-2.0

/// Things that several authors want done, in turns: next is always whose thing costs least beyond what that author had,
/// so that nobody waits for what others heap up.
package struct Turns<Author: Hashable & Comparable & Sendable, Item: Sendable>: Sendable {
    private var waiting: [Author: [(item: Item, cost: Int)]] = [:]
    private var spent: [Author: Int] = [:]

    package init() {}

    /// Of one author the one that was added last comes first.
    package mutating func add(_ item: Item, of author: Author, cost: Int) {
        waiting[author, default: []].append((item, cost))
    }

    package mutating func next() -> Item? {
        func place(_ author: Author) -> Int { (spent[author] ?? 0) + (waiting[author]?.last?.cost ?? 0) }
        guard let author = waiting.keys.min(by: { (place($0), $0) < (place($1), $1) }),
            let (item, cost) = waiting[author]?.popLast()
        else { return nil }
        spent[author, default: 0] += cost
        if waiting[author]?.isEmpty == true { waiting[author] = nil }
        return item
    }
}
