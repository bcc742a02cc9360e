// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor

extension LoRALayout {
    /// Whether every site exists in a base of `shape` and has its widths.
    func fits(_ shape: BaseShape) -> Bool {
        entries.allSatisfy { entry in
            (0..<shape.layers).contains(entry.site.layer)
                && entry.inputs == shape.inputs(of: entry.site.module)
                && entry.outputs == shape.outputs(of: entry.site.module)
        }
    }
}

extension CacheType {
    /// Passes where the heads of a model are whole blocks of this type.
    ///
    /// - Throws: `ModelError` `E-DECODE-004`.
    package func require(_ configuration: ModelConfiguration) throws {
        guard fits(headDimension: configuration.headDimension) else {
            throw ModelError.cacheTypeDoesNotFit(self, headDimension: configuration.headDimension)
        }
    }
}
