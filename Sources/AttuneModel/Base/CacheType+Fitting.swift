// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

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
