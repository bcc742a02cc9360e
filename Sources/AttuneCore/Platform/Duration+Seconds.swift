// Attune
// SPDX-License-Identifier: Apache-2.0

extension Duration {
    /// The whole duration in seconds, with its fraction.
    package var seconds: Double { self / .seconds(1) }
}
