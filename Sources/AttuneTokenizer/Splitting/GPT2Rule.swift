// Attune
// SPDX-License-Identifier: Apache-2.0

/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`, GPT-2's own split.
struct GPT2Rule: SplitRule {
    func matchEnd(_ text: ScannedText, from start: Int, limit: Int) -> Int? {
        if let end = Contraction.end(text, from: start, limit: limit, anyCase: false) { return end }
        let body = text.scalars[start] == 0x20 ? start + 1 : start
        if text.has(body, limit, .letter) { return text.run(from: body, limit, of: .letter) }
        if text.has(body, limit, .number) { return text.run(from: body, limit, of: .number) }
        let plain: CharacterClass = [.space, .letter, .number]
        if text.lacks(body, limit, plain) { return text.run(from: body, limit, lacking: plain) }
        return Whitespace.end(text, from: start, limit: limit)
    }
}

/// The English contractions `'s 't 're 've 'm 'll 'd`.
enum Contraction {
    /// End of the contraction that begins at `start`, nil if none does.
    @inline(__always)
    static func end(_ text: ScannedText, from start: Int, limit: Int, anyCase: Bool) -> Int? {
        guard start + 1 < limit, text.scalars[start] == 0x27 else { return nil }
        let first = fold(text.scalars[start + 1], anyCase)
        switch first {
        case 0x73, 0x74, 0x6D, 0x64: return start + 2  // s t m d
        default: break
        }
        guard start + 2 < limit else { return nil }
        switch (first, fold(text.scalars[start + 2], anyCase)) {
        case (0x72, 0x65), (0x76, 0x65), (0x6C, 0x6C): return start + 3  // re ve ll
        default: return nil
        }
    }

    private static func fold(_ value: UInt32, _ anyCase: Bool) -> UInt32 {
        anyCase && (0x41...0x5A).contains(value) ? value + 0x20 : value
    }
}

/// The endings `\s*[\r\n]+`, `\s+(?!\S)` and `\s+` that most splits share.
enum Whitespace {
    /// End of `\s+(?!\S)|\s+` at `start`: the run without its last scalar where something follows it.
    static func end(_ text: ScannedText, from start: Int, limit: Int) -> Int? {
        let end = text.run(from: start, limit, of: .space)
        guard end > start else { return nil }
        return end == limit || end == start + 1 ? end : end - 1
    }

    /// End of `\s*[\r\n]+|\s+(?!\S)|\s+` at `start`.
    static func endAtNewline(_ text: ScannedText, from start: Int, limit: Int) -> Int? {
        let end = text.run(from: start, limit, of: .space)
        guard end > start else { return nil }
        var last = end
        while last > start && !text.classes[last - 1].contains(.newline) { last -= 1 }
        if last > start { return last }
        return end == limit || end == start + 1 ? end : end - 1
    }
}
