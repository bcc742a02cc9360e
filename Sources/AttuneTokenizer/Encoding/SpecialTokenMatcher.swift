// Attune
// SPDX-License-Identifier: Apache-2.0

/// Finds special tokens in a text: the longest spelling first over the whole text, leftmost among equals.
struct SpecialTokenMatcher: Sendable {
    /// A special token and where it stands in the text.
    struct Match {
        let range: Range<Int>
        let id: Int32
    }

    /// Most bytes of a special token's spelling; longer ones make a search of every text too slow.
    static let maximumLength = 1024

    private var control = ByteTable()
    private var userDefined = ByteTable()
    /// Lengths that occur, longest first.
    private var lengths: [Int] = []
    private var firstBytes = [Bool](repeating: false, count: 256)
    private var userDefinedFirstBytes = [Bool](repeating: false, count: 256)

    init(_ definition: TokenizerDefinition, kinds: [TokenKind]) throws(TokenizerError) {
        var seen: Set<Int> = []
        for (index, kind) in kinds.enumerated() where kind.isControl || kind == .userDefined {
            let spelling = Array(definition.tokens[index].utf8)
            guard let first = spelling.first else { continue }
            guard spelling.count <= Self.maximumLength else { throw .specialTooLong(index, bytes: spelling.count) }
            seen.insert(spelling.count)
            firstBytes[Int(first)] = true
            if kind == .userDefined {
                userDefined.set(spelling, to: Int32(index))
                userDefinedFirstBytes[Int(first)] = true
            } else {
                control.set(spelling, to: Int32(index))
            }
        }
        lengths = seen.sorted(by: >)
    }

    /// All special tokens of `bytes`, in order. A control token counts only where it lies wholly inside one of
    /// `trusted`, which are ascending and apart from each other; a user-defined one counts anywhere.
    func matches(in bytes: [UInt8], trusted: [Range<Int>]) -> [Match] {
        let candidates = self.candidates(in: bytes, trusted: trusted)
        guard !candidates.isEmpty else { return [] }
        var found: [Match] = []
        var taken: [Bool] = []
        for length in lengths {
            var free = 0
            for (position, trustedEnd) in candidates {
                let end = position + length
                guard position >= free, end <= bytes.count else { continue }
                guard let id = id(in: bytes, position..<end, trusted: end <= trustedEnd) else { continue }
                if taken.isEmpty { taken = Array(repeating: false, count: bytes.count) }
                // A shorter match may not touch a longer one, and no longer one lies strictly inside it.
                guard !taken[position], !taken[end - 1] else { continue }
                for index in position..<end { taken[index] = true }
                found.append(Match(range: position..<end, id: id))
                free = end
            }
        }
        return found.sorted { $0.range.lowerBound < $1.range.lowerBound }
    }

    private func id(in bytes: [UInt8], _ range: Range<Int>, trusted: Bool) -> Int32? {
        if trusted, let id = control.find(bytes, range) { return id }
        return userDefined.count > 0 ? userDefined.find(bytes, range) : nil
    }

    /// Positions where a special token could begin, each with the end of the trusted range it lies in, else −1.
    private func candidates(in bytes: [UInt8], trusted: [Range<Int>]) -> [(position: Int, trustedEnd: Int)] {
        guard !lengths.isEmpty else { return [] }
        var result: [(position: Int, trustedEnd: Int)] = []
        var position = 0
        func scan(to end: Int, _ first: [Bool], _ trustedEnd: Int) {
            while position < end {
                if first[Int(bytes[position])] { result.append((position, trustedEnd)) }
                position += 1
            }
        }
        for range in trusted {
            if userDefined.count > 0 { scan(to: range.lowerBound, userDefinedFirstBytes, -1) }
            position = range.lowerBound
            scan(to: range.upperBound, firstBytes, range.upperBound)
        }
        if userDefined.count > 0 { scan(to: bytes.count, userDefinedFirstBytes, -1) }
        return result
    }
}

/// Whether the spellings of control tokens inside a text become those tokens.
package enum SpecialTokens: Sendable {
    /// `<|im_end|>` in the text is ten ordinary characters: what a person types cannot forge a turn.
    case refused
    /// `<|im_end|>` in the text is the token.
    case parsed
}
