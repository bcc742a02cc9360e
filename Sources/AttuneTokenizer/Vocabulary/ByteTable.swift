// Attune
// SPDX-License-Identifier: Apache-2.0

/// A hash table from byte strings to numbers.
///
/// Swift's `String` cannot be the key: it compares by canonical equivalence, so two tokens that differ only in
/// their normal form would be one. The hash is seeded for each process, since a file may be made to collide.
struct ByteTable: Sendable {
    private var keys = ByteStrings()
    private var hashes: [UInt64] = []
    private var values: [Int32] = []
    private var slots: [Int32] = []
    private var mask = 0

    private static let seed = UInt64.random(in: 1...UInt64.max)

    init(capacity: Int = 0) {
        keys.reserve(capacity)
        resize(toHold: capacity)
    }

    var count: Int { values.count }

    /// Value of `bytes[range]`, or nil.
    func find(_ bytes: [UInt8], _ range: Range<Int>) -> Int32? {
        let hash = Self.hash(bytes, range)
        let entry = slots[slot(of: bytes, range, hash)]
        return entry < 0 ? nil : values[Int(entry)]
    }

    func find(_ bytes: [UInt8]) -> Int32? { find(bytes, 0..<bytes.count) }

    /// Sets the value of `key`; a later value replaces an earlier one.
    mutating func set(_ key: [UInt8], to value: Int32) {
        if (values.count + 1) * 2 > slots.count { resize(toHold: values.count * 2 + 8) }
        let hash = Self.hash(key, 0..<key.count)
        let place = slot(of: key, 0..<key.count, hash)
        if slots[place] >= 0 {
            values[Int(slots[place])] = value
        } else {
            slots[place] = Int32(values.count)
            keys.append(key)
            hashes.append(hash)
            values.append(value)
        }
    }

    private func slot(of bytes: [UInt8], _ range: Range<Int>, _ hash: UInt64) -> Int {
        var place = Int(truncatingIfNeeded: hash) & mask
        while true {
            let entry = slots[place]
            if entry < 0 || (hashes[Int(entry)] == hash && equals(Int(entry), bytes, range)) { return place }
            place = (place + 1) & mask
        }
    }

    private func equals(_ entry: Int, _ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        let key = keys.range(entry)
        guard key.count == range.count else { return false }
        for offset in 0..<key.count where keys.bytes[key.lowerBound + offset] != bytes[range.lowerBound + offset] {
            return false
        }
        return true
    }

    private mutating func resize(toHold count: Int) {
        var size = 16
        while size < count * 2 + 2 { size *= 2 }
        slots = Array(repeating: -1, count: size)
        mask = size - 1
        for entry in values.indices {
            var place = Int(truncatingIfNeeded: hashes[entry]) & mask
            while slots[place] >= 0 { place = (place + 1) & mask }
            slots[place] = Int32(entry)
        }
    }

    private static func hash(_ bytes: [UInt8], _ range: Range<Int>) -> UInt64 {
        var hash = seed
        for index in range {
            hash = (hash ^ UInt64(bytes[index])) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 29
        }
        return hash ^ (hash >> 32)
    }
}

/// A list of byte strings in one flat buffer.
struct ByteStrings: Sendable {
    private(set) var bytes: [UInt8] = []
    private var ends: [Int] = []

    var count: Int { ends.count }

    /// Where string `index` lies in `bytes`.
    func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

    func length(_ index: Int) -> Int { ends[index] - (index == 0 ? 0 : ends[index - 1]) }

    subscript(_ index: Int) -> ArraySlice<UInt8> { bytes[range(index)] }

    mutating func reserve(_ count: Int) { ends.reserveCapacity(count) }

    mutating func append(_ string: some Sequence<UInt8>) {
        bytes.append(contentsOf: string)
        ends.append(bytes.count)
    }
}
