// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Puts examples into blocks of at most `maxLength` tokens; the same examples give the same blocks.
package struct Packer: Sendable {
    package let packing: Packing
    /// Most tokens in a block, at least 2.
    package let maxLength: Int
    /// What separates examples that are wrapped together and do not end in it already.
    package let endOfDocument: Int32

    package init(packing: Packing, maxLength: Int, endOfDocument: Int32) {
        precondition(maxLength >= 2)
        self.packing = packing
        self.maxLength = maxLength
        self.endOfDocument = endOfDocument
    }

    /// The blocks alone; see `packed` for what was split or dropped.
    package func pack(_ examples: [Example]) -> [Block] { packed(examples).blocks }

    /// Packs the examples and says what was split or dropped.
    package func packed(_ examples: [Example]) -> PackedBlocks {
        switch packing {
        case .documents: documents(examples)
        case .wrapped: wrapped(examples)
        }
    }

    /// Lays all examples end to end, cuts every `maxLength` tokens and drops the incomplete tail.
    ///
    /// A block is one segment, so its tokens see those of the examples before them. An example that does not end in the
    /// end-of-document token is followed by one that is not learned.
    private func wrapped(_ examples: [Example]) -> PackedBlocks {
        var tokens: [Int32] = []
        var trained: [Bool] = []
        for example in examples where !example.tokens.isEmpty {
            tokens += example.tokens
            trained += example.trained
            if example.tokens.last != endOfDocument {
                tokens.append(endOfDocument)
                trained.append(false)
            }
        }
        let whole = tokens.count / maxLength
        let blocks = (0..<whole).map { index in
            let range = index * maxLength..<(index + 1) * maxLength
            return Block(tokens: Array(tokens[range]), segments: [0..<maxLength], trained: Array(trained[range]))
        }
        return PackedBlocks(blocks: blocks, splitExamples: 0, droppedTokens: tokens.count - whole * maxLength)
    }

    /// A run of one example's tokens that becomes a segment.
    private struct Piece {
        let example: Int
        let range: Range<Int>
    }

    /// Cuts long examples, then places pieces best-fit decreasing: longest first, each into the fullest block that still
    /// takes it, else into a new one.
    ///
    /// Inside a block, pieces stand in the order of the data, and blocks in the order of their first pieces. Time is
    /// O(n log n + n·maxLength/64) for n pieces.
    private func documents(_ examples: [Example]) -> PackedBlocks {
        var pieces: [Piece] = []
        var split = 0
        for (index, example) in examples.enumerated() {
            let ranges = cuts(example.tokens.count)
            if ranges.count > 1 { split += 1 }
            pieces += ranges.map { Piece(example: index, range: $0) }
        }
        let order = pieces.indices.sorted {
            let (left, right) = (pieces[$0].range.count, pieces[$1].range.count)
            return left != right ? left > right : $0 < $1
        }
        var bins: [[Int]] = []
        var open = OpenBins(capacity: maxLength)
        for piece in order {
            let length = pieces[piece].range.count
            if let (bin, room) = open.take(atLeast: length) {
                bins[bin].append(piece)
                open.put(bin, room: room - length)
            } else {
                bins.append([piece])
                open.put(bins.count - 1, room: maxLength - length)
            }
        }
        for bin in bins.indices { bins[bin].sort() }
        bins.sort { $0[0] < $1[0] }
        let blocks = bins.map { bin in block(bin.map { pieces[$0] }, of: examples) }
        return PackedBlocks(blocks: blocks, splitExamples: split, droppedTokens: 0)
    }

    /// Ranges of at most `maxLength` that cover `count` tokens; a last piece of one token, which could teach nothing,
    /// takes one more from the piece before it.
    private func cuts(_ count: Int) -> [Range<Int>] {
        var ranges = stride(from: 0, to: count, by: maxLength).map { $0..<min($0 + maxLength, count) }
        if ranges.count > 1, ranges[ranges.count - 1].count == 1, maxLength > 2 {
            let cut = count - 2
            ranges[ranges.count - 2] = ranges[ranges.count - 2].lowerBound..<cut
            ranges[ranges.count - 1] = cut..<count
        }
        return ranges
    }

    private func block(_ pieces: [Piece], of examples: [Example]) -> Block {
        var tokens: [Int32] = []
        var trained: [Bool] = []
        var segments: [Range<Int>] = []
        for piece in pieces {
            segments.append(tokens.count..<tokens.count + piece.range.count)
            tokens += examples[piece.example].tokens[piece.range]
            trained += examples[piece.example].trained[piece.range]
        }
        return Block(tokens: tokens, segments: segments, trained: trained)
    }
}
