// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor

/// How a decoder multiplies with the base's weights.
package enum DecodingPrecision: String, Codable, Sendable, CaseIterable {
    /// Weights from their file, expanded to float32.
    case float32
    /// As `float32`, but long prompts with weights and activations in bfloat16.
    case bfloat16
    /// Activations in int8, weights from a copy in memory that is made once for each base: the fastest. Weights that
    /// have no such copy are used as with `bfloat16`.
    case int8

    /// Of products that are not in int8.
    var wide: Precision { self == .float32 ? .float32 : .bfloat16 }
}
