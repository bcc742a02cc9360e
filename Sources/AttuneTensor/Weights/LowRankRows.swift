// Attune
// SPDX-License-Identifier: Apache-2.0

/// Factors that act on some rows of an input, multiplied by a strength of their own.
package struct LowRankRows: Sendable {
    package let factors: LowRankFactors
    package let rows: Range<Int>
    package let strength: Float

    package init(_ factors: LowRankFactors, rows: Range<Int>, strength: Float = 1) {
        self.factors = factors
        self.rows = rows
        self.strength = strength
    }

    /// The same factors on other rows.
    package func over(_ rows: Range<Int>) -> LowRankRows { LowRankRows(factors, rows: rows, strength: strength) }
}
