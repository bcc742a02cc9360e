// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneModel

/// Blocks laid end to end for one forward pass, with what each position should predict.
package struct Batch: Sendable {
    /// T tokens; the segments are those of the blocks, moved to where each block starts.
    package let packed: PackedTokens
    /// T token ids: the next token of the same segment, −1 at the last position of a segment.
    package let targets: [Int32]
    /// Positions whose next token in the same segment is learned, ascending; the loss is over these alone.
    package let counted: [Int]

    /// The blocks it is made of.
    let members: [Member]

    /// A block in a batch.
    struct Member {
        /// The number of the block in its run; −1 if it has none.
        let number: Int
        let rows: Range<Int>
    }

    package init(blocks: [Block]) { self.init(numbered: blocks.map { (-1, $0) }) }

    /// Blocks with the numbers that their run gives them.
    init(numbered blocks: [(number: Int, block: Block)]) {
        var tokens: [Int32] = []
        var segments: [Range<Int>] = []
        var targets: [Int32] = []
        var counted: [Int] = []
        var members: [Member] = []
        for (number, block) in blocks {
            let start = tokens.count
            members.append(Member(number: number, rows: start..<start + block.tokens.count))
            tokens += block.tokens
            for segment in block.segments where !segment.isEmpty {
                segments.append(segment.lowerBound + start..<segment.upperBound + start)
                for next in segment.dropFirst() {
                    targets.append(block.tokens[next])
                    if block.trained[next] { counted.append(start + next - 1) }
                }
                targets.append(-1)
            }
        }
        packed = PackedTokens(tokens: tokens, segments: segments)
        self.targets = targets
        self.counted = counted
        self.members = members
    }

    /// Several batches end to end.
    init(joining batches: [Batch]) {
        guard batches.count != 1 else {
            self = batches[0]
            return
        }
        var tokens: [Int32] = []
        var segments: [Range<Int>] = []
        var targets: [Int32] = []
        var counted: [Int] = []
        var members: [Member] = []
        for batch in batches {
            let start = tokens.count
            members += batch.members.map {
                Member(number: $0.number, rows: $0.rows.lowerBound + start..<$0.rows.upperBound + start)
            }
            tokens += batch.packed.tokens
            segments += batch.packed.segments.map { $0.lowerBound + start..<$0.upperBound + start }
            targets += batch.targets
            counted += batch.counted.map { $0 + start }
        }
        packed = PackedTokens(tokens: tokens, segments: segments)
        self.targets = targets
        self.counted = counted
        self.members = members
    }
}
