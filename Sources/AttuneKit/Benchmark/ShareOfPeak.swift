// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// How near the work of some rounds came to what registers alone can do, measured before and after each round.
package struct ShareOfPeak: Sendable {
    private let numbers: Ceiling.Numbers
    private var before: Double
    private var ceilings: [Double] = []
    private var rates: [Double] = []

    init(_ numbers: Ceiling.Numbers) {
        self.numbers = numbers
        before = Ceiling.operationsPerSecond(numbers)
    }

    /// Notes a round that did `rate` tokens a second.
    mutating func note(rate: Double) {
        let after = Ceiling.operationsPerSecond(numbers)
        ceilings.append((before + after) / 2)
        rates.append(rate)
        before = after
    }

    /// Tokens per second of each round.
    var rounds: [Double] { rates }

    /// The median ceiling, 10⁹ operations per second.
    var peakGflops: Double { ceilings.median / 1e9 }

    /// The median over the rounds of rate · `operations` / ceiling.
    func share(operations: Double) -> Double {
        zip(rates, ceilings).map { $1 > 0 ? $0 * operations / $1 : 0 }.median
    }
}
