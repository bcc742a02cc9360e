// Attune
// SPDX-License-Identifier: Apache-2.0

/// How the keys and values of earlier tokens are kept.
// swift-format-ignore: AlwaysUseLowerCamelCase
package enum CacheType: String, Codable, Sendable, CaseIterable {
    /// As they were computed, 4 bytes an element.
    case f32
    /// Half precision, 2 bytes; what is beyond ±65504 becomes that.
    case f16
    /// Blocks of 32 bytes with a scale in half precision, 34 bytes for 32 elements; heads are a multiple of 32 wide.
    case q8_0

    /// The type of a block.
    var block: BlockType {
        switch self {
        case .f32: .f32
        case .f16: .f16
        case .q8_0: .q8_0
        }
    }

    /// Whether rows of `headDimension` elements are whole blocks.
    package func fits(headDimension: Int) -> Bool { headDimension % block.elements == 0 }

    /// Bytes of one row of `headDimension` elements.
    package func rowBytes(headDimension: Int) -> Int { headDimension / block.elements * block.bytes }
}
