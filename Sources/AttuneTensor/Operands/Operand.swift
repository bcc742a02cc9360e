// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// Activations as the products take them: numbers of the pass itself, or the same rounded to bfloat16.
///
/// Rounded operands halve the memory of what a pass keeps; sums are float32 in both. All operands of one pass are of
/// the same case, and `rounded` belongs to `Element` = `Float` alone.
package enum Operand<Element: Scalar>: Sendable {
    case exact(Matrix<Element>)
    case rounded(Matrix<BFloat16>)

    package var rows: Int {
        switch self {
        case .exact(let matrix): matrix.rows
        case .rounded(let matrix): matrix.rows
        }
    }

    package var columns: Int {
        switch self {
        case .exact(let matrix): matrix.columns
        case .rounded(let matrix): matrix.columns
        }
    }

    /// The matrix of an operand that is never rounded.
    package var matrix: Matrix<Element> {
        guard case .exact(let matrix) = self else { preconditionFailure("a rounded operand") }
        return matrix
    }

    /// The view on some of the rows.
    package func rows(_ range: Range<Int>) -> Operand {
        switch self {
        case .exact(let matrix): .exact(matrix.rows(range))
        case .rounded(let matrix): .rounded(matrix.rows(range))
        }
    }

    /// The first `rows`·`columns` numbers of this memory under a shape that needs no more than it has.
    package func leading(_ rows: Int, _ columns: Int) -> Operand {
        switch self {
        case .exact(let matrix): .exact(matrix.leading(rows, columns))
        case .rounded(let matrix): .rounded(matrix.leading(rows, columns))
        }
    }

    /// Takes over the numbers of `other`, rounded where this operand is.
    package func set(_ other: Matrix<Element>) {
        precondition(other.rows == rows && other.columns == columns, "shapes of a copy")
        switch self {
        case .exact(let matrix): matrix.copy(from: other)
        case .rounded(let matrix): attune_round(other.float.pointer, matrix.bits, Int64(matrix.count))
        }
    }

    /// Adds `other`.
    package func add(_ other: Matrix<Element>) {
        precondition(other.rows == rows && other.columns == columns, "sum of different shapes")
        switch self {
        case .exact(let matrix): AttuneTensor.add(other, to: matrix)
        case .rounded(let matrix): attune_rounded_add(other.float.pointer, matrix.bits, Int64(matrix.count))
        }
    }

    /// Gives the numbers to `other`.
    package func widen(into other: Matrix<Element>) {
        precondition(other.rows == rows && other.columns == columns, "shapes of a copy")
        switch self {
        case .exact(let matrix): other.copy(from: matrix)
        case .rounded(let matrix): attune_widen(matrix.bits, other.float.pointer, Int64(matrix.count))
        }
    }
}

extension Matrix {
    /// The same matrix, known to hold float32: rounded operands exist beside no other numbers.
    package var float: Matrix<Float> {
        guard let same = self as? Matrix<Float> else { preconditionFailure("rounded operands of \(Element.self)") }
        return same
    }

    /// The first `rows`·`columns` numbers of this memory under a shape that needs no more than it has.
    package func leading(_ rows: Int, _ columns: Int) -> Matrix {
        precondition(rows * columns <= count, "\(rows)×\(columns) of \(count) values")
        return Matrix(storage: storage, offset: offset, rows: rows, columns: columns)
    }
}

extension Matrix<BFloat16> {
    /// What the C functions take; BFloat16 is one UInt16 in memory.
    var bits: UnsafeMutablePointer<UInt16> { UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt16.self) }
}
