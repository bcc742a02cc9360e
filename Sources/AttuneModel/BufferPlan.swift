// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// Where the matrices of a pass lie in one run of memory, decided before any of it is allocated.
struct BufferPlan {
    /// A place for `rows` × `columns` elements.
    struct Slot: Sendable {
        let offset: Int
        let rows: Int
        let columns: Int

        /// The matrix at this place of `storage`.
        func matrix<Element>(in storage: Storage<Element>) -> Matrix<Element> {
            Matrix(storage: storage, offset: offset, rows: rows, columns: columns)
        }
    }

    /// The first element that is free.
    private(set) var mark = 0
    private var highest = 0

    /// Elements that all places together need.
    var count: Int { max(mark, highest) }

    /// Takes the next free place, aligned to sixteen elements (64 bytes of float32).
    mutating func place(_ rows: Int, _ columns: Int) -> Slot {
        let slot = Slot(offset: mark, rows: rows, columns: columns)
        mark += (rows * columns + 15) / 16 * 16
        return slot
    }

    /// Goes back to an earlier mark: what is placed from here on shares memory with what was placed since.
    mutating func rewind(to earlier: Int) {
        highest = max(highest, mark)
        mark = earlier
    }

    /// Ends sharing: the next place lies beyond everything placed so far.
    mutating func close() { mark = count }
}
