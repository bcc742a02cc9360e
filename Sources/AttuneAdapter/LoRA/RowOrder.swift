// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// The two orders in which rows of q and k are stored, and the way between them.
///
/// Hugging Face pairs row i of a head with row i + hd/2 for the rotation; GGUF `llama` files put the two beside each
/// other. Row 2i+a of a head in GGUF order is row a·hd/2 + i in Hugging Face order. Only B of an adapter has these rows.
package enum RowOrder {
    /// For each row in GGUF order, the row it is in Hugging Face order.
    package static func halfSplitRow(of row: Int, headDimension: Int) -> Int {
        let (head, inside) = row.quotientAndRemainder(dividingBy: headDimension)
        return head * headDimension + (inside % 2) * (headDimension / 2) + inside / 2
    }

    /// B [out, R] from Hugging Face order to GGUF order: `to` row r takes `from` row halfSplitRow(r).
    package static func toAdjacentPairs(
        _ from: Matrix<Float>, into to: Matrix<Float>, headDimension: Int
    ) {
        check(from, to, headDimension)
        for row in 0..<to.rows {
            to.rows(row..<row + 1).copy(from: from.rows(Range(halfSplitRow(of: row, headDimension: headDimension))))
        }
    }

    /// B [out, R] from GGUF order to Hugging Face order, the inverse.
    package static func toHalves(_ from: Matrix<Float>, into to: Matrix<Float>, headDimension: Int) {
        check(from, to, headDimension)
        for row in 0..<from.rows {
            to.rows(Range(halfSplitRow(of: row, headDimension: headDimension))).copy(from: from.rows(row..<row + 1))
        }
    }

    /// Whether B of `module` changes its order between a PEFT folder and a base of this shape.
    package static func differs(_ module: TargetModule, shape: BaseShape) -> Bool {
        shape.rotatesAdjacentPairs && (module == .query || module == .key)
    }

    private static func check(_ from: Matrix<Float>, _ to: Matrix<Float>, _ headDimension: Int) {
        precondition(from.rows == to.rows && from.columns == to.columns && from.pointer != to.pointer)
        precondition(headDimension > 0 && headDimension % 2 == 0 && from.rows % headDimension == 0)
    }
}

extension Range<Int> {
    /// The range of one row.
    fileprivate init(_ row: Int) { self = row..<row + 1 }
}
