// Attune
// SPDX-License-Identifier: Apache-2.0

/// How a product with the base's weights is computed; sums are float32 in both.
package enum Precision: String, Codable, Sendable, CaseIterable {
    /// Weights expanded to float32, activations as they are.
    case float32
    /// Weights and activations rounded to bfloat16 before they are multiplied.
    case bfloat16
}

/// How the keys and values of earlier tokens are kept.
// swift-format-ignore: AlwaysUseLowerCamelCase
package enum CacheType: String, Codable, Sendable, CaseIterable {
    /// As they were computed, 4 bytes an element.
    case f32
    /// Half precision, 2 bytes; what is beyond ±65504 becomes that.
    case f16
    /// Blocks of 32 bytes with a scale in half precision, 34 bytes for 32 elements; heads are a multiple of 32 wide.
    case q8_0
}
