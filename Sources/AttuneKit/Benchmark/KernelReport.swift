// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// How fast each kernel is on the shapes of a base, beside what the CPU can do at best in the same run.
package struct KernelReport: Encodable, Sendable {
    package let schema = 1
    package let work = "kernels"
    package let level: String
    package let threads: Int
    /// Rows of the activations.
    package let tokens: Int
    /// Medians over the run, 10⁹ operations per second; only the numbers that the level in use has instructions for.
    package let peakGflops: [String: Double]
    package let readGigabytesPerSecond: Double
    package let kernels: [Kernel]

    /// One kernel on one shape.
    package struct Kernel: Encodable, Sendable {
        package let name: String
        package let shape: String
        package let microseconds: Double
        /// For kernels that compute: 10⁹ operations per second, and the share of the peak in `numbers`.
        package var gflops: Double?
        package var numbers: String?
        /// For kernels that move memory: 10⁹ bytes read and written per second.
        package var gigabytesPerSecond: Double?
        /// Of the peak, or of plain reading; above 1 if the data come from a cache.
        package let share: Double
    }
}
