// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// What this CPU can do at best on all threads, measured; figures are compared with it.
package enum Ceiling {
    /// Numbers that registers multiply and add.
    package enum Numbers: Int32, Sendable, CaseIterable {
        case float32, bfloat16, int8
    }

    /// Operations per second, two for a multiply-add, on registers alone; 0 if the level in use has no instruction for
    /// such numbers.
    package static func operationsPerSecond(_ numbers: Numbers, seconds: Double = 0.03) -> Double {
        _ = Kernels.prepared
        return attune_ceiling(numbers.rawValue, seconds)
    }

    /// Bytes per second at which `bytes` are read once.
    package static func readRate(_ bytes: UnsafeRawBufferPointer) -> Double {
        attune_read_rate(bytes.baseAddress, Int64(bytes.count))
    }
}
