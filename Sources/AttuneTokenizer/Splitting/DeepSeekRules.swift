// Attune
// SPDX-License-Identifier: Apache-2.0

/// The last expression of DeepSeek 3.
///
/// `[!-/:-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`, where the
/// first class is ASCII punctuation and symbols.
struct DeepSeek3Rule: SplitRule {
    func matchEnd(_ text: ScannedText, from start: Int, limit: Int) -> Int? {
        if isASCIIMark(text.scalars[start]), start + 1 < limit, isASCIILetter(text.scalars[start + 1]) {
            var end = start + 2
            while end < limit, isASCIILetter(text.scalars[end]) { end += 1 }
            return end
        }
        let word: CharacterClass = [.letter, .mark]
        if text.lacks(start, limit, [.newline, .letter, .punctuation, .symbol]), text.has(start + 1, limit, word) {
            return text.run(from: start + 1, limit, of: word)
        }
        if text.has(start, limit, word) { return text.run(from: start, limit, of: word) }
        let body = text.scalars[start] == 0x20 ? start + 1 : start
        if text.has(body, limit, [.punctuation, .symbol]) {
            return text.run(from: text.run(from: body, limit, of: [.punctuation, .symbol]), limit, of: .newline)
        }
        return Whitespace.endAtNewline(text, from: start, limit: limit)
    }

    private func isASCIIMark(_ value: UInt32) -> Bool {
        value > 0x20 && value < 0x7F && !isASCIILetter(value) && !(0x30...0x39).contains(value)
    }

    private func isASCIILetter(_ value: UInt32) -> Bool {
        (0x61...0x7A).contains(value) || (0x41...0x5A).contains(value)
    }
}

/// `\s?` and a run of one class, as DeepSeek Coder splits words and punctuation.
struct SpacedClassRule: SplitRule {
    var classes: CharacterClass

    func matchEnd(_ text: ScannedText, from start: Int, limit: Int) -> Int? {
        let body = text.has(start, limit, .space) && text.has(start + 1, limit, classes) ? start + 1 : start
        return text.has(body, limit, classes) ? text.run(from: body, limit, of: classes) : nil
    }
}

/// A run of scalars inside the given ranges.
struct RangeRule: SplitRule {
    var ranges: [ClosedRange<UInt32>]

    func matchEnd(_ text: ScannedText, from start: Int, limit: Int) -> Int? {
        var end = start
        while end < limit, ranges.contains(where: { $0.contains(text.scalars[end]) }) { end += 1 }
        return end > start ? end : nil
    }
}
