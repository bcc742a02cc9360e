// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// The order in which a run goes through its blocks: all of them once in each epoch, shuffled by seed and epoch.
package struct BlockOrder: Sendable {
    private let count: Int
    private let seed: UInt64
    private var epoch = -1
    private var order: [Int] = []

    package init(count: Int, seed: UInt64) {
        precondition(count > 0)
        self.count = count
        self.seed = seed
    }

    /// The block at `position` of the run, counted from 0 over all epochs; a function of the position alone.
    package mutating func block(at position: Int) -> Int {
        let (epoch, place) = position.quotientAndRemainder(dividingBy: count)
        if epoch != self.epoch {
            self.epoch = epoch
            order = Self.shuffled(count, RandomStream(seed: seed, path: 2, UInt64(epoch)))
        }
        return order[place]
    }

    /// Fisher and Yates.
    private static func shuffled(_ count: Int, _ stream: RandomStream) -> [Int] {
        var order = Array(0..<count)
        for index in stride(from: count - 1, to: 0, by: -1) {
            // Multiplying the high bits is uniform to within count / 2⁶⁴.
            let other = Int(stream.bits(at: UInt64(index)).multipliedFullWidth(by: UInt64(index + 1)).high)
            order.swapAt(index, other)
        }
        return order
    }
}
