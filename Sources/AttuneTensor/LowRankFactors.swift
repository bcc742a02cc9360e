// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// The factors of an adapter for weights that share an input, in bfloat16 and in the order in which decoding reads them:
/// ΔY_i = s_i·(X·A_iᵀ)·B_iᵀ with A_i [R_i, in], B_i [out_i, R_i] (arXiv:2106.09685).
package final class LowRankFactors: @unchecked Sendable {  // nothing changes after its birth
    package let inputs: Int
    /// out_i of each weight, adapted or not.
    package let outputs: [Int]
    /// Σ R_i.
    package let rank: Int
    private let numbers: Storage<UInt16>
    /// Where they begin there: all A_i, one below the other, then each B_i in strips of 16 rows.
    private let offset: Int
    /// s_i, once for each row of A_i.
    private let scales: Storage<Float>
    /// Where the part of each weight starts in the Σ R_i, and their end.
    private let bounds: Storage<Int64>
    private let expansions: Storage<UnsafePointer<UInt16>?>

    /// Numbers that factors of these shapes take; R_i is 0 where a weight is not adapted.
    package static func count(inputs: Int, outputs: [Int], ranks: [Int]) -> Int {
        zip(ranks, outputs).reduce(0) { $0 + $1.0 * (inputs + strips($1.1)) }
    }

    /// Writes the factors into `count` numbers of `numbers` from `offset` on.
    ///
    /// - Parameter parts: for each weight A, B and s; nil where it is not adapted.
    package init(
        inputs: Int, outputs: [Int], parts: [(a: Matrix<Float>, b: Matrix<Float>, scale: Float)?],
        in numbers: Storage<UInt16>, at offset: Int
    ) {
        precondition(parts.count == outputs.count, "factors or nil for each weight")
        let ranks = parts.map { $0?.a.rows ?? 0 }
        let count = Self.count(inputs: inputs, outputs: outputs, ranks: ranks)
        precondition(offset >= 0 && offset + count <= numbers.count, "factors outside of their storage")
        self.inputs = inputs
        self.outputs = outputs
        self.numbers = numbers
        self.offset = offset
        rank = ranks.reduce(0, +)
        scales = Storage(count: rank)
        bounds = Storage(count: outputs.count + 1)
        expansions = Storage(count: outputs.count)
        var row = 0
        var expansion = numbers.base + offset + rank * inputs
        for (index, part) in parts.enumerated() {
            bounds.base[index] = Int64(row)
            guard let part else { continue }
            precondition(part.a.columns == inputs && part.b.rows == outputs[index] && part.b.columns == part.a.rows)
            attune_round_bfloat16_all(part.a.pointer, Int64(part.a.count), numbers.base + offset + row * inputs)
            attune_pack_expansion(part.b.pointer, Int64(part.b.rows), Int64(part.b.columns), expansion)
            for index in 0..<part.a.rows { scales.base[row + index] = part.scale }
            expansions.base[index] = UnsafePointer(expansion)
            expansion += part.a.rows * Self.strips(outputs[index])
            row += part.a.rows
        }
        bounds.base[outputs.count] = Int64(row)
    }

    /// `rows` in whole strips of 16.
    private static func strips(_ rows: Int) -> Int { (rows + 15) / 16 * 16 }

    /// What the C functions call a low-rank term; valid while `self` lives.
    func kernelTerm(_ rows: Range<Int>, strength: Float) -> attune_low_rank {
        attune_low_rank(
            first: Int64(rows.lowerBound), last: Int64(rows.upperBound), rank: Int64(rank), strength: strength,
            a: numbers.base + offset, scales: scales.base, offsets: bounds.base, b: expansions.base)
    }
}
