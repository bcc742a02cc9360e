// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor

/// What there is to compute with; whoever plans gets it handed in.
package struct Machine: Hashable, Sendable {
    package let limits: MemoryLimits
    package let threads: Int
    /// Whether there are products of its own for bfloat16, which hold two bytes for a number.
    package let computesBFloat16: Bool

    package init(limits: MemoryLimits, threads: Int, computesBFloat16: Bool) {
        self.limits = limits
        self.threads = threads
        self.computesBFloat16 = computesBFloat16
    }

    /// Reads what this process has now.
    package static func current() -> Machine {
        Machine(limits: .current(), threads: Kernels.threads, computesBFloat16: Kernels.computesBFloat16)
    }

    /// The same machine, with at most `bytes` of memory to be used; nil changes nothing.
    package func limited(to bytes: Int?) -> Machine {
        Machine(limits: limits.limited(to: bytes), threads: threads, computesBFloat16: computesBFloat16)
    }
}
