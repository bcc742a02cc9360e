// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneVault

extension SafetensorsFile {
    /// What numbers lie where in the `count` bytes of the file, so that the store can encode them.
    func runs(count: Int) -> [TensorRun] {
        var runs = [TensorRun(.raw, count: entries.first?.range.lowerBound ?? count)]
        for entry in entries {
            let kind: TensorRun.Kind =
                switch SafetensorsType(rawValue: entry.type) {
                case .bfloat16: .bfloat16
                case .float32: .float32
                case .float16, .float64, nil: .raw
                }
            runs.append(TensorRun(kind, count: entry.range.count))
        }
        return runs
    }
}
