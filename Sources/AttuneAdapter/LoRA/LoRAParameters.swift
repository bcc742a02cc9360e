// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// The numbers of an adapter, or anything of the same shape: gradients, moments of the optimiser.
package struct LoRAParameters<Element: BitwiseCopyable>: Sendable {
    package let layout: LoRALayout
    /// 1 × P, in the order of `layout`.
    package let values: Matrix<Element>

    /// All zero.
    package init(layout: LoRALayout) {
        self.layout = layout
        values = Matrix(rows: 1, columns: layout.count)
    }

    /// All zero, for a layout whose sizes come from elsewhere.
    ///
    /// - Throws: `AdapterError` E-MEMORY-003 if there is no memory for it.
    package init(fitting layout: LoRALayout) throws(AdapterError) {
        guard let storage = Storage<Element>(fitting: layout.count) else {
            throw .noMemory(layout.count * MemoryLayout<Element>.stride)
        }
        self.layout = layout
        values = Matrix(storage: storage, offset: 0, rows: 1, columns: layout.count)
    }

    /// A [R, in] of a site.
    package func a(_ entry: LoRALayout.Entry) -> Matrix<Element> {
        Matrix(storage: values.storage, offset: values.offset + entry.offsetA, rows: entry.rank, columns: entry.inputs)
    }

    /// B [out, R] of a site.
    package func b(_ entry: LoRALayout.Entry) -> Matrix<Element> {
        Matrix(storage: values.storage, offset: values.offset + entry.offsetB, rows: entry.outputs, columns: entry.rank)
    }
}
