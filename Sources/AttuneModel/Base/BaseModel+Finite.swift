// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

extension BaseModel {
    /// Passes where every weight is a number; one block whose scale is not would spoil all that is computed.
    ///
    /// Reads the whole file once, a megabyte at a time. Norms, biases and rotations were checked when the model opened.
    /// - Throws: `E-MODEL-006` naming the tensor.
    package func requireFinite() throws {
        for tensor in file.tensors {
            guard let weight = file.weight(tensor.name) else { continue }
            let rows = min(weight.rows, max(1, (1 << 18) / weight.columns))
            let values = Matrix<Float>(rows: rows, columns: weight.columns)
            for first in stride(from: 0, to: weight.rows, by: rows) {
                let count = min(rows, weight.rows - first)
                let part = values.prefix(count)
                dequantize(weight, rows: first..<first + count, into: part)
                guard isFinite(part) else { throw ModelError.notFinite(tensor.name, file: file.name) }
            }
        }
    }
}
