// Attune
// SPDX-License-Identifier: Apache-2.0

/// One regular expression of a pre-tokenizer, as a scanner written by hand.
///
/// A rule is asked for the match that begins at one position and sees nothing beyond `limit`, the end of the
/// piece it is applied to.
protocol SplitRule: Sendable {
    /// End of the match that begins at `start`, nil if none does; a match is never empty.
    func matchEnd(_ text: ScannedText, from start: Int, limit: Int) -> Int?
}

extension SplitRule {
    /// Appends the ends of all pieces of `range`: matches, and the unmatched text between them.
    func split(_ text: ScannedText, _ range: Range<Int>, into ends: inout [Int]) {
        var position = range.lowerBound
        var unmatched = false
        while position < range.upperBound {
            if let end = matchEnd(text, from: position, limit: range.upperBound) {
                if unmatched { ends.append(position) }
                ends.append(end)
                position = end
                unmatched = false
            } else {
                position += 1
                unmatched = true
            }
        }
        if unmatched { ends.append(range.upperBound) }
    }
}

/// `[class]` or `[class]+`: one scalar, or a run of at most `maximum`, of the given classes.
struct ClassRule: SplitRule {
    var classes: CharacterClass
    /// ASCII characters and others that count although they are not of the classes.
    var others: Set<UInt32> = []
    var maximum = Int.max

    func matchEnd(_ text: ScannedText, from start: Int, limit: Int) -> Int? {
        var end = start
        while end < limit, end - start < maximum,
            text.has(end, limit, classes) || (!others.isEmpty && others.contains(text.scalars[end]))
        {
            end += 1
        }
        return end > start ? end : nil
    }
}
