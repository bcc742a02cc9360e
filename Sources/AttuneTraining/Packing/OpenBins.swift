// Attune
// SPDX-License-Identifier: Apache-2.0

/// Blocks that still have room, found by how much room they have.
///
/// A bit per amount of room finds the fullest block that fits in capacity/64 steps.
struct OpenBins {
    private var bins: [[Int]]
    private var occupied: [UInt64]

    /// For blocks of `capacity` tokens.
    init(capacity: Int) {
        bins = Array(repeating: [], count: capacity + 1)
        occupied = Array(repeating: 0, count: capacity / 64 + 1)
    }

    /// Takes out the fullest block with room for `length`, the one put in last where several are as full; nil if none.
    mutating func take(atLeast length: Int) -> (bin: Int, room: Int)? {
        var word = length / 64
        guard word < occupied.count else { return nil }
        var bits = occupied[word] & (UInt64.max << UInt64(length % 64))
        while bits == 0 {
            word += 1
            guard word < occupied.count else { return nil }
            bits = occupied[word]
        }
        let room = word * 64 + bits.trailingZeroBitCount
        let bin = bins[room].removeLast()
        if bins[room].isEmpty { occupied[word] &= ~(1 << UInt64(room % 64)) }
        return (bin, room)
    }

    /// Puts a block back, unless it is full.
    mutating func put(_ bin: Int, room: Int) {
        guard room > 0 else { return }
        bins[room].append(bin)
        occupied[room / 64] |= 1 << UInt64(room % 64)
    }
}
