// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneModel
import AttuneTraining

extension DecodingPrecision {
    /// The fastest way to decode with a base that memory has room for.
    package static func fastest(for model: BaseModel, limits: MemoryLimits = .current()) -> DecodingPrecision {
        RepackedWeights.byteCount(model) <= limits.available / 2 ? .int8 : .bfloat16
    }
}
