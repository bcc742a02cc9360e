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
        return PackedBlocks(
            blocks: blocks, splitExamples: 0, shortenedExamples: 0, omittedTokens: 0,
            droppedTokens: tokens.count - whole * maxLength)
    }

    /// A run of one example's tokens that becomes a segment.
    private struct Piece {
        let example: Int
        let range: Range<Int>
        /// Tokens before this one are only read: what stands before them was learned in another piece.
        let learnedFrom: Int
    }

    /// Cuts long examples, then places pieces best-fit decreasing: longest first, each into the fullest block that still
    /// takes it, else into a new one.
    ///
    /// Inside a block, pieces stand in the order of the data, and blocks in the order of their first pieces. Time is
    /// O(n log n + n·maxLength/64) for n pieces.
    private func documents(_ examples: [Example]) -> PackedBlocks {
        var pieces: [Piece] = []
        var (split, shortened, omitted) = (0, 0, 0)
        for (index, example) in examples.enumerated() {
            let own = example.hasGivenText ? answers(example, index) : parts(example.tokens.count, index)
            let left = example.tokens.count - Self.covered(by: own)
            if example.hasGivenText, left > 0 {
                (shortened, omitted) = (shortened + 1, omitted + left)
            } else if own.count > 1 {
                split += 1
            }
            pieces += own
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
        return PackedBlocks(
            blocks: blocks, splitExamples: split, shortenedExamples: shortened, omittedTokens: omitted, droppedTokens: 0
        )
    }

    /// Pieces of at most `maxLength` that cover `count` tokens; a last one of a single token, which could teach nothing,
    /// takes one more from the piece before it.
    private func parts(_ count: Int, _ example: Int) -> [Piece] {
        var ranges = stride(from: 0, to: count, by: maxLength).map { $0..<min($0 + maxLength, count) }
        if ranges.count > 1, ranges[ranges.count - 1].count == 1, maxLength > 2 {
            let cut = count - 2
            ranges[ranges.count - 2] = ranges[ranges.count - 2].lowerBound..<cut
            ranges[ranges.count - 1] = cut..<count
        }
        return ranges.map { Piece(example: example, range: $0, learnedFrom: $0.lowerBound) }
    }

    /// Pieces in which each answer is learned once, with as much of what stands before it as there is room for.
    ///
    /// An answer is cut only if it is as long as a piece; then its parts follow a quarter of what was before them.
    private func answers(_ example: Example, _ index: Int) -> [Piece] {
        let count = example.tokens.count
        guard count > maxLength else { return [Piece(example: index, range: 0..<count, learnedFrom: 0)] }
        let runs = example.learnedRuns
        var pieces: [Piece] = []
        var (next, done) = (0, 0)
        while next < runs.count {
            let (from, end) = (max(runs[next].lowerBound, done), runs[next].upperBound)
            if end - from >= maxLength {
                let start = from - min(from, maxLength / 4)
                done = min(start + maxLength, end)
                pieces.append(Piece(example: index, range: start..<done, learnedFrom: from))
                if done == end { next += 1 }
                continue
            }
            let limit = max(max(0, from - maxLength / 2) + maxLength, end)
            done = end
            next += 1
            while next < runs.count, runs[next].upperBound <= limit {
                done = runs[next].upperBound
                next += 1
            }
            pieces.append(Piece(example: index, range: max(0, done - maxLength)..<done, learnedFrom: from))
        }
        return pieces
    }

    /// Tokens of an example that are in one of its pieces or more, which are in order.
    private static func covered(by pieces: [Piece]) -> Int {
        var (count, end) = (0, 0)
        for piece in pieces {
            count += piece.range.upperBound - max(piece.range.lowerBound, end)
            end = piece.range.upperBound
        }
        return count
    }

    private func block(_ pieces: [Piece], of examples: [Example]) -> Block {
        var tokens: [Int32] = []
        var trained: [Bool] = []
        var segments: [Range<Int>] = []
        for piece in pieces {
            segments.append(tokens.count..<tokens.count + piece.range.count)
            tokens += examples[piece.example].tokens[piece.range]
            trained += piece.range.map { $0 >= piece.learnedFrom && examples[piece.example].trained[$0] }
        }
        return Block(tokens: tokens, segments: segments, trained: trained)
    }
}
