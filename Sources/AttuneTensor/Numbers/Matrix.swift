// Attune
// SPDX-License-Identifier: Apache-2.0

/// A dense row-major view on shared storage: copying a matrix copies no numbers.
///
/// Rows are contiguous and follow each other without gaps, so `rows(_:)` of a matrix is again a matrix.
/// Two threads may work on one matrix when they write different rows.
package struct Matrix<Element: BitwiseCopyable>: @unchecked Sendable {
    package let storage: Storage<Element>
    package let offset: Int
    package let rows: Int
    package let columns: Int

    /// A new matrix of zeros, `rows` × `columns`.
    package init(rows: Int, columns: Int) {
        precondition(rows >= 0 && columns >= 0, "\(rows)×\(columns)")
        self.init(storage: Storage(count: rows * columns), offset: 0, rows: rows, columns: columns)
    }

    /// A new matrix with a copy of `values`, row after row.
    package init(rows: Int, columns: Int, _ values: some Collection<Element>) {
        precondition(values.count == rows * columns, "\(values.count) values for \(rows)×\(columns)")
        self.init(rows: rows, columns: columns)
        for (index, value) in values.enumerated() { pointer[index] = value }
    }

    /// A view on part of a storage.
    package init(storage: Storage<Element>, offset: Int, rows: Int, columns: Int) {
        precondition(offset >= 0 && offset + rows * columns <= storage.count, "view outside of its storage")
        self.storage = storage
        self.offset = offset
        self.rows = rows
        self.columns = columns
    }

    package var count: Int { rows * columns }

    /// First element; valid while `storage` lives, which every matrix keeps alive.
    package var pointer: UnsafeMutablePointer<Element> { storage.base + offset }

    package var buffer: UnsafeMutableBufferPointer<Element> { .init(start: pointer, count: count) }

    package subscript(row: Int, column: Int) -> Element {
        get {
            precondition(row >= 0 && row < rows && column >= 0 && column < columns, "[\(row), \(column)]")
            return pointer[row * columns + column]
        }
        nonmutating set {
            precondition(row >= 0 && row < rows && column >= 0 && column < columns, "[\(row), \(column)]")
            pointer[row * columns + column] = newValue
        }
    }

    /// The view on some of the rows.
    package func rows(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
        return Matrix(
            storage: storage, offset: offset + range.lowerBound * columns, rows: range.count, columns: columns)
    }

    /// The same numbers under another shape of equal count.
    package func reshaped(rows: Int, columns: Int) -> Matrix {
        precondition(rows * columns == count, "\(rows)×\(columns) from \(count) values")
        return Matrix(storage: storage, offset: offset, rows: rows, columns: columns)
    }

    /// The first `rows`·`columns` numbers of this memory under a shape that needs no more than it has.
    package func leading(_ rows: Int, _ columns: Int) -> Matrix {
        precondition(rows * columns <= count, "\(rows)×\(columns) of \(count) values")
        return Matrix(storage: storage, offset: offset, rows: rows, columns: columns)
    }

    /// The numbers, row after row, as an array of their own.
    package var values: [Element] { Array(buffer) }

    /// Takes over the elements of a matrix of the same shape.
    package func copy(from other: Matrix) {
        precondition(other.rows == rows && other.columns == columns, "copy between different shapes")
        pointer.update(from: other.pointer, count: count)
    }
}
