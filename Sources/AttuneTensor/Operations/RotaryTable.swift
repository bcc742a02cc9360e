// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels
import Foundation

/// Cosines and sines of rotary positions: cos(p·θ_i)·m and sin(p·θ_i)·m for p in 0..<positions (arXiv:2104.09864).
package struct RotaryTable<Element: Scalar>: Sendable {
    /// Elements of a head that are rotated; the others pass through.
    package let rotaryDimension: Int
    /// Whether pairs are (2i, 2i + 1); otherwise (i, i + rotaryDimension/2).
    package let adjacentPairs: Bool
    package let positions: Int
    let cosines: Matrix<Element>
    let sines: Matrix<Element>

    /// - Parameters:
    ///   - frequencies: θ_i of each pair in radians a position, already scaled.
    ///   - magnitude: factor m on both, 1 unless the model scales its positions.
    ///   - positions: how many positions the table covers.
    package init(
        frequencies: [Double], magnitude: Double, positions: Int, rotaryDimension: Int, adjacentPairs: Bool
    ) {
        precondition(frequencies.count * 2 == rotaryDimension, "one frequency for each pair")
        self.rotaryDimension = rotaryDimension
        self.adjacentPairs = adjacentPairs
        self.positions = positions
        cosines = Matrix(rows: positions, columns: frequencies.count)
        sines = Matrix(rows: positions, columns: frequencies.count)
        let (cosines, sines) = (cosines.pointer, sines.pointer)
        for position in 0..<positions {
            for (pair, frequency) in frequencies.enumerated() {
                let angle = Double(position) * frequency
                cosines[position * frequencies.count + pair] = Element(cos(angle) * magnitude)
                sines[position * frequencies.count + pair] = Element(sin(angle) * magnitude)
            }
        }
    }

    /// That x [T, heads·hd] can be rotated by the angles of these positions.
    func check(_ x: Matrix<Element>, headDimension: Int, positions: [Int32]) {
        precondition(positions.count == x.rows && x.columns % headDimension == 0, "shapes of a rotation")
        precondition(rotaryDimension <= headDimension, "rotation wider than a head")
        precondition(positions.allSatisfy { $0 >= 0 && $0 < self.positions }, "position outside of the table")
    }
}

/// Rotates each head of x by the angles of its row's position, in place: a' = a·cos − b·sin, b' = a·sin + b·cos.
///
/// x [T, heads·hd]; `inverse` rotates back, which is the backward pass.
package func rotate<E: Scalar>(
    _ x: Matrix<E>, headDimension: Int, positions: [Int32], table: RotaryTable<E>, inverse: Bool
) {
    table.check(x, headDimension: headDimension, positions: positions)
    attune_rotate(
        E.kind, x.pointer, Int64(x.rows), Int64(x.columns), Int64(headDimension), positions, table.cosines.pointer,
        table.sines.pointer, Int64(table.rotaryDimension / 2), table.adjacentPairs ? 1 : 0, inverse ? 1 : 0)
}
