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

    package init(blocks: [Block]) {
        var tokens: [Int32] = []
        var segments: [Range<Int>] = []
        var targets: [Int32] = []
        var counted: [Int] = []
        for block in blocks {
            let start = tokens.count
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
        for batch in batches {
            let start = tokens.count
            tokens += batch.packed.tokens
            segments += batch.packed.segments.map { $0.lowerBound + start..<$0.upperBound + start }
            targets += batch.targets
            counted += batch.counted.map { $0 + start }
        }
        packed = PackedTokens(tokens: tokens, segments: segments)
        self.targets = targets
        self.counted = counted
    }
}
