// Attune
// SPDX-License-Identifier: Apache-2.0

/// How a product with the base's weights is computed; sums are float32 in both.
package enum Precision: String, Codable, Sendable, CaseIterable {
    /// Weights expanded to float32, activations as they are.
    case float32
    /// Weights and activations rounded to bfloat16 before they are multiplied.
    case bfloat16
}
