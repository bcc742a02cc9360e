// Attune
// SPDX-License-Identifier: Apache-2.0

/// One row of a batch: at most `maxLength` tokens in one or more segments that do not see each other.
package struct Block: Sendable {
    package let tokens: [Int32]
    /// In order, covering the tokens without gaps.
    package let segments: [Range<Int>]
    /// As many as `tokens`: whether the token is learned where it has a predecessor in its segment.
    package let trained: [Bool]

    package init(tokens: [Int32], segments: [Range<Int>], trained: [Bool]) {
        precondition(tokens.count == trained.count)
        precondition(segments.first?.lowerBound ?? 0 == 0 && segments.last?.upperBound ?? 0 == tokens.count)
        self.tokens = tokens
        self.segments = segments
        self.trained = trained
    }

    /// Count of positions whose next token in the same segment is learned.
    package var targetCount: Int {
        segments.reduce(0) { $0 + trained[$1].dropFirst().count { $0 } }
    }
}

/// What packing made, and what it cost.
package struct PackedBlocks: Sendable {
    package let blocks: [Block]
    /// Examples longer than a block that were cut into pieces (`.documents`).
    package let splitExamples: Int
    /// Examples longer than a block of whose prompts some was left out, so that answers follow the end of theirs
    /// (`.documents`).
    package let shortenedExamples: Int
    /// Tokens of those that are in no block.
    package let omittedTokens: Int
    /// Tokens of the incomplete last block that were left out (`.wrapped`); always 0 for `.documents`.
    package let droppedTokens: Int

    /// Passes if something was made of the examples.
    ///
    /// - Throws: `TrainingError` E-TRAIN-002 if they were wrapped and fill no row.
    package func requireRow(of length: Int) throws(TrainingError) {
        guard blocks.isEmpty, droppedTokens > 0 else { return }
        throw .fillsNoRow(tokens: droppedTokens, length: length)
    }

    /// Tokens in all blocks.
    package var tokens: Int { blocks.reduce(0) { $0 + $1.tokens.count } }
    /// Positions that count in the loss, over all blocks.
    package var targets: Int { blocks.reduce(0) { $0 + $1.targetCount } }
}
