// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// Where a tensor of a GGUF file lies, checked against the real size of the file.
package struct GGUFTensor: Sendable, Equatable {
    package let name: String
    /// 1 to 4 sizes, each at least 1, the contiguous one (inputs) first.
    package let shape: [Int]
    package let type: BlockType
    /// Bytes from the start of its file.
    package let offset: Int
    package let byteCount: Int

    package var elementCount: Int { shape.reduce(1, *) }
    /// Rows of the tensor seen as a matrix whose columns are the contiguous dimension.
    package var rows: Int { shape.dropFirst().reduce(1, *) }
    package var columns: Int { shape[0] }
}
