// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// What computes on this machine.
package enum Processor {
    /// The kernels that were chosen for this CPU, such as `avx512bf16`.
    package static var kernels: String { Kernels.level }

    /// Threads that work on one operation.
    package static var threads: Int { Kernels.threads }

    /// Has so many threads work on one operation, but no more than can run at the same time.
    ///
    /// - Returns: how many there are now.
    package static func use(threads: Int) -> Int {
        let used = min(threads, Kernels.mostThreads)
        Kernels.configure(threads: used)
        return used
    }
}
