// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import Foundation

extension Matrix {
    /// The view on the first `count` rows.
    func prefix(_ count: Int) -> Matrix { rows(0..<count) }

    /// Sets every number to zero.
    func clear() { memset(pointer, 0, count * MemoryLayout<Element>.stride) }
}

extension Matrix where Element: Scalar {
    /// The numbers of a float32 matrix as `Element`; the same storage where the types agree.
    init(converting other: Matrix<Float>) {
        if let same = other as? Matrix<Element> {
            self = same
        } else {
            self.init(rows: other.rows, columns: other.columns, other.buffer.map { Element($0) })
        }
    }
}
