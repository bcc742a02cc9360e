// Attune
// SPDX-License-Identifier: Apache-2.0

/// The split of Mistral Nemo (tekken), and with contractions and longer numbers that of GPT-4o.
///
/// With U = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]` and W = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`:
/// `[^\r\n\p{L}\p{N}]?U*W+|[^\r\n\p{L}\p{N}]?U+W*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
struct TekkenRule: SplitRule {
    /// 1 for tekken, 3 for GPT-4o.
    var digits = 1
    /// Whether a word takes a contraction that follows it.
    var contractions = false

    func matchEnd(_ text: ScannedText, from start: Int, limit: Int) -> Int? {
        let prefixed = text.lacks(start, limit, [.newline, .letter, .number])
        if let end = (prefixed ? lowerWord(text, start + 1, limit) : nil) ?? lowerWord(text, start, limit)
            ?? (prefixed ? upperWord(text, start + 1, limit) : nil) ?? upperWord(text, start, limit)
        {
            return contractions ? Contraction.end(text, from: end, limit: limit, anyCase: true) ?? end : end
        }
        if text.has(start, limit, .number) {
            return text.run(from: start, min(limit, start + digits), of: .number)
        }
        let plain: CharacterClass = [.space, .letter, .number]
        let body = text.scalars[start] == 0x20 ? start + 1 : start
        if text.lacks(body, limit, plain) {
            var end = text.run(from: body, limit, lacking: plain)
            while end < limit, text.classes[end].contains(.newline) || text.scalars[end] == 0x2F { end += 1 }
            return end
        }
        return Whitespace.endAtNewline(text, from: start, limit: limit)
    }

    /// End of `U*W+` at `start`. Where the greedy `U*` leaves nothing for `W+`, it gives back its last scalar that
    /// is also a W.
    private func lowerWord(_ text: ScannedText, _ start: Int, _ limit: Int) -> Int? {
        let heads = text.run(from: start, limit, of: .wordHead)
        if text.has(heads, limit, .wordTail) { return text.run(from: heads, limit, of: .wordTail) }
        var last = heads
        while last > start {
            if text.has(last - 1, limit, .wordTail) { return last }
            last -= 1
        }
        return nil
    }

    /// End of `U+W*` at `start`.
    private func upperWord(_ text: ScannedText, _ start: Int, _ limit: Int) -> Int? {
        let heads = text.run(from: start, limit, of: .wordHead)
        guard heads > start else { return nil }
        return text.run(from: heads, limit, of: .wordTail)
    }
}
