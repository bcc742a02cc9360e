// Attune
// SPDX-License-Identifier: Apache-2.0

/// Shares of something of which there is only so much: once it is used up, whoever has most gives way to who has less.
///
/// Circles and networks are compared first, then the devices or addresses in the one that has most; there the oldest
/// share goes. Taking and giving back take the same time however many there are; finding who gives way looks at each
/// group once.
struct FairShares {
    private struct Holding {
        let payer: Payer
        var weight: Int
    }
    private struct Member {
        var weight = 0
        /// Numbers of its holdings, oldest first.
        var holdings: [Int] = []
    }
    private struct Group {
        var weight = 0
        var members: [Payer.Member: Member] = [:]

        /// The number of its oldest holding; looks at each member.
        var oldest: Int { members.values.lazy.compactMap(\.holdings.first).min() ?? 0 }
    }
    private var holdings: [Int: Holding] = [:]
    private var groups: [Payer.Group: Group] = [:]
    private var next = 0
    /// What all have together.
    private(set) var used = 0
    let capacity: Int

    init(_ capacity: Int) { self.capacity = capacity }

    var count: Int { holdings.count }

    func share(of group: Payer.Group) -> Int { groups[group]?.weight ?? 0 }

    func share(of payer: Payer) -> Int { groups[payer.group]?.members[payer.member]?.weight ?? 0 }

    /// How many holdings a device or an address has.
    func count(of payer: Payer) -> Int { groups[payer.group]?.members[payer.member]?.holdings.count ?? 0 }

    /// The oldest holding of a device or an address.
    func oldest(of payer: Payer) -> Int? { groups[payer.group]?.members[payer.member]?.holdings.first }

    /// Adds a holding and returns its number.
    mutating func add(_ weight: Int, for payer: Payer) -> Int {
        next += 1
        holdings[next] = Holding(payer: payer, weight: weight)
        used += weight
        groups[payer.group, default: Group()].weight += weight
        groups[payer.group]?.members[payer.member, default: Member()].weight += weight
        groups[payer.group]?.members[payer.member]?.holdings.append(next)
        return next
    }

    /// Gives a holding another weight; nothing happens if it is gone.
    mutating func change(_ number: Int, to weight: Int) {
        guard let holding = holdings[number] else { return }
        let difference = weight - holding.weight
        holdings[number]?.weight = weight
        used += difference
        groups[holding.payer.group]?.weight += difference
        groups[holding.payer.group]?.members[holding.payer.member]?.weight += difference
    }

    /// Takes a holding away; false if it is gone already.
    @discardableResult
    mutating func remove(_ number: Int) -> Bool {
        guard let holding = holdings.removeValue(forKey: number) else { return false }
        let (group, member) = (holding.payer.group, holding.payer.member)
        used -= holding.weight
        groups[group]?.weight -= holding.weight
        groups[group]?.members[member]?.weight -= holding.weight
        groups[group]?.members[member]?.holdings.removeAll { $0 == number }
        if groups[group]?.members[member]?.holdings.isEmpty == true { groups[group]?.members[member] = nil }
        if groups[group]?.members.isEmpty == true { groups[group] = nil }
        return true
    }

    /// The holding that gives way so that `payer` can have `weight` more, or nil if nobody has more than it would have.
    ///
    /// - Parameters:
    ///   - isInside: whether only its own circle or network is asked.
    ///   - isByAge: whether of several groups that have most the one goes first that has had something for longest, for
    ///     which each member of each group is looked at.
    func giver(for payer: Payer, weight: Int, isInside: Bool = false, isByAge: Bool = false) -> Int? {
        func isBefore(_ one: Group, _ other: Group) -> Bool {
            isByAge && one.weight == other.weight ? one.oldest > other.oldest : one.weight < other.weight
        }
        if !isInside, let heaviest = groups.max(by: { isBefore($0.value, $1.value) }),
            heaviest.key != payer.group, heaviest.value.weight > share(of: payer.group) + weight
        {
            return oldest(in: heaviest.value)
        }
        let others = groups[payer.group]?.members.filter { $0.key != payer.member }
        guard let heaviest = others?.values.max(by: { $0.weight < $1.weight }),
            heaviest.weight > share(of: payer) + weight
        else { return nil }
        return heaviest.holdings.first
    }

    /// As `giver`, but somebody always does: of the payer's own group if none has more, else of the one that has most.
    func giverOrOwn(for payer: Payer, weight: Int) -> Int? {
        if let giver = giver(for: payer, weight: weight) { return giver }
        if let own = groups[payer.group] { return oldest(in: own) }
        return groups.max { $0.value.weight < $1.value.weight }.flatMap { oldest(in: $0.value) }
    }

    private func oldest(in group: Group) -> Int? {
        group.members.values.max { ($0.weight, -($0.holdings.first ?? 0)) < ($1.weight, -($1.holdings.first ?? 0)) }?
            .holdings.first
    }
}
