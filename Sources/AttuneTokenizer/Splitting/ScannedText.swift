// Attune
// SPDX-License-Identifier: Apache-2.0

/// A text as its scalars, their classes and where each begins in the UTF-8 bytes.
struct ScannedText {
    private(set) var scalars: [UInt32] = []
    private(set) var classes: [CharacterClass] = []
    /// One entry more than scalars: the last is the end of the text.
    private(set) var offsets: [Int] = []

    var count: Int { scalars.count }

    /// Reads `bytes[range]`, which is valid UTF-8.
    init(_ bytes: [UInt8], _ range: Range<Int>) {
        scalars.reserveCapacity(range.count)
        classes.reserveCapacity(range.count)
        offsets.reserveCapacity(range.count + 1)
        var position = range.lowerBound
        while position < range.upperBound {
            let (value, length) = Self.scalar(in: bytes, at: position, limit: range.upperBound)
            scalars.append(value)
            classes.append(CharacterClass.of(value))
            offsets.append(position)
            position += length
        }
        offsets.append(range.upperBound)
    }

    /// The scalar that begins at `position` and its length in bytes; a broken sequence is one byte.
    static func scalar(in bytes: [UInt8], at position: Int, limit: Int) -> (value: UInt32, length: Int) {
        let lead = UInt32(bytes[position])
        guard lead >= 0xC0 else { return (lead, 1) }
        let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
        guard position + length <= limit else { return (0xFFFD, 1) }
        var value = lead & (0x7F >> UInt32(length))
        for index in position + 1..<position + length { value = value << 6 | UInt32(bytes[index] & 0x3F) }
        return (value, length)
    }

    /// Whether scalar `index` exists below `limit` and has any of `classes`.
    @inline(__always)
    func has(_ index: Int, _ limit: Int, _ any: CharacterClass) -> Bool {
        index < limit && classes[index].rawValue & any.rawValue != 0
    }

    /// Whether scalar `index` exists below `limit` and has none of `classes`.
    @inline(__always)
    func lacks(_ index: Int, _ limit: Int, _ none: CharacterClass) -> Bool {
        index < limit && classes[index].rawValue & none.rawValue == 0
    }

    /// End of the run, from `index`, of scalars that have any of `classes`.
    @inline(__always)
    func run(from index: Int, _ limit: Int, of any: CharacterClass) -> Int {
        var end = index
        while has(end, limit, any) { end += 1 }
        return end
    }

    /// End of the run, from `index`, of scalars that have none of `classes`.
    @inline(__always)
    func run(from index: Int, _ limit: Int, lacking none: CharacterClass) -> Int {
        var end = index
        while lacks(end, limit, none) { end += 1 }
        return end
    }
}
