// Attune
// SPDX-License-Identifier: Apache-2.0

/// The split of Llama 3 and its relatives.
///
/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}`, then
/// `| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
struct Llama3Rule: SplitRule {
    /// 3 for Llama 3, 1 for Qwen 2.
    var digits = 3
    /// What a word is made of: letters, or letters and marks for Qwen 3.5.
    var word: CharacterClass = .letter

    func matchEnd(_ text: ScannedText, from start: Int, limit: Int) -> Int? {
        if let end = Contraction.end(text, from: start, limit: limit, anyCase: true) { return end }
        // The optional character before a word is taken first, so a mark counts as one where marks are words too.
        if text.lacks(start, limit, [.newline, .letter, .number]), text.has(start + 1, limit, word) {
            return text.run(from: start + 1, limit, of: word)
        }
        if text.has(start, limit, word) { return text.run(from: start, limit, of: word) }
        if text.has(start, limit, .number) {
            return text.run(from: start, min(limit, start + digits), of: .number)
        }
        let plain = word.union([.space, .number])
        let body = text.scalars[start] == 0x20 ? start + 1 : start
        if text.lacks(body, limit, plain) {
            return text.run(from: text.run(from: body, limit, lacking: plain), limit, of: .newline)
        }
        return Whitespace.endAtNewline(text, from: start, limit: limit)
    }
}
