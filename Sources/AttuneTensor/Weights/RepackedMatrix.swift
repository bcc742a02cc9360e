// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// A copy of a frozen weight W [rows = outputs, columns = inputs] with 16 rows interleaved, as `multiplyInt8` takes it.
package struct RepackedMatrix: Sendable {
    package let type: BlockType
    package let rows: Int
    package let columns: Int
    let storage: Storage<UInt8>
    let offset: Int

    /// Bytes of the copy, a multiple of 64; 0 if the type of `w` has no such form (all but Q4_0, Q4_1 and Q8_0).
    package static func byteCount(_ w: WeightMatrix) -> Int {
        Int(attune_repacked_bytes(Int32(w.type.rawValue), Int64(w.rows), Int64(w.columns)))
    }

    /// Writes the copy into `byteCount(w)` bytes of `storage` from `offset` on.
    ///
    /// - Precondition: `byteCount(w)` is not 0; `offset` is a multiple of 64.
    package init(_ w: WeightMatrix, in storage: Storage<UInt8>, at offset: Int) {
        let bytes = Self.byteCount(w)
        precondition(bytes > 0, "\(w.type.name) is not repacked")
        precondition(offset % 64 == 0 && offset + bytes <= storage.count, "copy outside of its storage")
        type = w.type
        rows = w.rows
        columns = w.columns
        self.storage = storage
        self.offset = offset
        w.withKernelWeight { attune_repack($0, storage.base + offset) }
    }

    var pointer: UnsafePointer<UInt8> { UnsafePointer(storage.base + offset) }
}

/// Y_i = X·W_iᵀ + Σ low-rank terms, or Y_i += …, for weights that share an input: X [T, in], W_i [out_i, in],
/// Y_i [T, out_i].
///
/// X is rounded to int8 in blocks of 32 columns, each with a float32 scale; the low-rank terms take it as it is. Sums are
/// int32 in a block and float32 over blocks. The result of a row does not depend on what other rows there are.
package func multiplyInt8(
    _ x: Matrix<Float>, by weights: [RepackedMatrix], into outputs: [Matrix<Float>], adding terms: [LowRankRows] = [],
    accumulating: Bool = false
) {
    precondition(weights.count == outputs.count, "an output for each weight")
    _ = Kernels.prepared
    withUnsafeTemporaryAllocation(of: attune_int8_output.self, capacity: weights.count) { products in
        withUnsafeTemporaryAllocation(of: attune_low_rank.self, capacity: terms.count) { lowRank in
            for (index, (weight, y)) in zip(weights, outputs).enumerated() {
                precondition(
                    x.columns == weight.columns && y.columns == weight.rows && y.rows == x.rows, "shapes of X·Wᵀ")
                products.initializeElement(
                    at: index,
                    to: attune_int8_output(
                        type: Int32(weight.type.rawValue), rows: Int64(weight.rows), repacked: weight.pointer,
                        y: y.pointer))
            }
            for (index, term) in terms.enumerated() {
                precondition(term.rows.lowerBound >= 0 && term.rows.upperBound <= x.rows, "rows \(term.rows)")
                precondition(
                    term.factors.inputs == x.columns && term.factors.outputs.count == weights.count
                        && weights.indices.allSatisfy { term.factors.outputs[$0] == weights[$0].rows },
                    "shapes of the factors")
                lowRank.initializeElement(at: index, to: term.factors.kernelTerm(term.rows, strength: term.strength))
            }
            attune_multiply_int8(
                x.pointer, Int64(x.rows), Int64(x.columns), products.baseAddress, Int64(weights.count),
                accumulating ? 1 : 0, lowRank.baseAddress, Int64(terms.count))
        }
    }
}
