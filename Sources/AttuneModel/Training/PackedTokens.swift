// Attune
// SPDX-License-Identifier: Apache-2.0

/// Tokens of several documents laid end to end, which do not see each other.
package struct PackedTokens: Sendable {
    /// T token ids.
    package let tokens: [Int32]
    /// Position of each token inside its document, from 0.
    package let positions: [Int32]
    /// The documents, in order, covering 0..<T without gaps; attention stays inside a segment.
    package let segments: [Range<Int>]

    /// Positions restart at each segment.
    package init(tokens: [Int32], segments: [Range<Int>]) {
        precondition(segments.first?.lowerBound ?? 0 == 0 && segments.last?.upperBound ?? 0 == tokens.count)
        self.tokens = tokens
        self.segments = segments
        positions = segments.flatMap { segment in (0..<segment.count).map { Int32($0) } }
    }

    package var count: Int { tokens.count }
}
