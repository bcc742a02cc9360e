// Attune
// SPDX-License-Identifier: Apache-2.0

/// What packing made, and what it cost.
package struct PackedBlocks: Sendable {
    package let blocks: [Block]
    /// Examples longer than a block that were cut into pieces (`.documents`).
    package let splitExamples: Int
    /// Tokens of the incomplete last block that were left out (`.wrapped`); always 0 for `.documents`.
    package let droppedTokens: Int

    /// Tokens in all blocks.
    package var tokens: Int { blocks.reduce(0) { $0 + $1.tokens.count } }
    /// Positions that count in the loss, over all blocks.
    package var targets: Int { blocks.reduce(0) { $0 + $1.targetCount } }
}
