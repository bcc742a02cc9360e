// Attune
// SPDX-License-Identifier: Apache-2.0

/// A frozen weight W [rows = outputs, columns = inputs] where it lies in its file, in blocks along the inputs.
package struct WeightMatrix: @unchecked Sendable {  // read-only memory kept alive by `owner`
    package let type: BlockType
    package let rows: Int
    package let columns: Int
    /// rows · columns / type.elements · type.bytes bytes, row after row.
    package let bytes: UnsafeRawBufferPointer
    private let owner: AnyObject

    /// - Precondition: `columns` is a multiple of the block size and `bytes` has exactly the size that follows.
    package init(type: BlockType, rows: Int, columns: Int, bytes: UnsafeRawBufferPointer, owner: AnyObject) {
        precondition(columns % type.elements == 0, "\(columns) columns of \(type.name)")
        precondition(bytes.count == rows * (columns / type.elements) * type.bytes, "\(bytes.count) bytes")
        self.type = type
        self.rows = rows
        self.columns = columns
        self.bytes = bytes
        self.owner = owner
    }

    /// Bytes of one row.
    package var rowBytes: Int { columns / type.elements * type.bytes }
}
