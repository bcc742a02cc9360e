// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// The factors of an adapter for weights that share an input, in the order in which decoding reads them:
/// ΔY_i = s_i·(X·A_iᵀ)·B_iᵀ with A_i [R_i, in], B_i [out_i, R_i] (arXiv:2106.09685).
///
/// They are rounded to int8, each row of A_i and each column of B_i with a scale of its own.
package final class LowRankFactors: @unchecked Sendable {  // nothing changes after its birth
    package let inputs: Int
    /// out_i of each weight, adapted or not.
    package let outputs: [Int]
    /// Σ R_i.
    package let rank: Int
    private let bytes: Storage<UInt8>
    /// Where they begin there: all A_i, one below the other, then each B_i.
    private let offset: Int
    /// For each row of A_i: s_i, its own scale and that of the column of B_i.
    private let scales: Storage<Float>
    /// Where the part of each weight starts in the Σ R_i, and their end.
    private let bounds: Storage<Int64>
    private let expansions: Storage<UnsafePointer<UInt8>?>

    /// Bytes that factors of these shapes take, a multiple of 64; R_i is 0 if a weight is not adapted.
    package static func byteCount(inputs: Int, outputs: [Int], ranks: [Int]) -> Int {
        zip(outputs, ranks).reduce(reductionBytes(inputs: inputs, rank: ranks.reduce(0, +))) {
            $0 + Int(attune_expansion_bytes(Int64($1.0), Int64($1.1)))
        }
    }

    /// Writes the factors into `byteCount` bytes of `storage` from `offset` on.
    ///
    /// - Parameter parts: for each weight A, B and s; nil if it is not adapted.
    /// - Precondition: the inputs are a multiple of 32.
    package init(
        inputs: Int, outputs: [Int], parts: [(a: Matrix<Float>, b: Matrix<Float>, scale: Float)?],
        in storage: Storage<UInt8>, at offset: Int
    ) {
        precondition(parts.count == outputs.count, "factors or nil for each weight")
        precondition(inputs % 32 == 0, "\(inputs) inputs in blocks of 32")
        let ranks = parts.map { $0?.a.rows ?? 0 }
        let count = Self.byteCount(inputs: inputs, outputs: outputs, ranks: ranks)
        precondition(offset >= 0 && offset + count <= storage.count, "factors outside of their storage")
        self.inputs = inputs
        self.outputs = outputs
        self.offset = offset
        bytes = storage
        rank = ranks.reduce(0, +)
        scales = Storage(count: rank)
        bounds = Storage(count: outputs.count + 1)
        expansions = Storage(count: outputs.count)
        let a = Matrix<Float>(rows: rank, columns: inputs)
        var row = 0
        for (index, part) in parts.enumerated() {
            bounds.base[index] = Int64(row)
            guard let part else { continue }
            precondition(part.a.columns == inputs && part.b.rows == outputs[index] && part.b.columns == part.a.rows)
            a.rows(row..<row + part.a.rows).copy(from: part.a)
            for index in 0..<part.a.rows { scales.base[row + index] = part.scale }
            row += part.a.rows
        }
        bounds.base[outputs.count] = Int64(row)
        attune_pack_reduction(a.pointer, Int64(rank), Int64(inputs), storage.base + offset, scales.base)
        var next = offset + Self.reductionBytes(inputs: inputs, rank: rank)
        for (index, part) in parts.enumerated() {
            guard let part else { continue }
            let (rows, rank) = (part.b.rows, part.b.columns)
            let expansion = storage.base + next
            attune_pack_expansion(
                part.b.pointer, Int64(rows), Int64(rank), expansion, scales.base + Int(bounds.base[index]))
            expansions.base[index] = UnsafePointer(expansion)
            next += Int(attune_expansion_bytes(Int64(rows), Int64(rank)))
        }
    }

    private static func reductionBytes(inputs: Int, rank: Int) -> Int {
        Int(attune_reduction_bytes(Int64(rank), Int64(inputs)))
    }

    /// What the C functions call a low-rank term; valid while `self` lives.
    func kernelTerm(_ rows: Range<Int>, strength: Float) -> attune_low_rank {
        attune_low_rank(
            first: Int64(rows.lowerBound), last: Int64(rows.upperBound), rank: Int64(rank), strength: strength,
            a: bytes.base + offset, scales: scales.base, offsets: bounds.base, b: expansions.base)
    }
}

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
