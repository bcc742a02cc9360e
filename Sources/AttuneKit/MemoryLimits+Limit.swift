// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTraining

extension MemoryLimits {
    /// The same limits, with at most `bytes` to be used; nil changes nothing.
    package func limited(to bytes: Int?) -> MemoryLimits {
        guard let bytes, bytes < available else { return self }
        return MemoryLimits(available: bytes, resident: resident, isLimitedByGroup: isLimitedByGroup)
    }
}
