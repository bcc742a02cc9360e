// Attune
// SPDX-License-Identifier: Apache-2.0

/// Guesses the next tokens of a text: those that followed where its last few tokens stood before (prompt lookup).
///
/// Guesses cost little where text repeats itself or its prompt, as summaries, edits and code do. Elsewhere few of them
/// hold; then none are made for a while.
struct PromptLookup {
    /// A shorter run of equal tokens says too little.
    static let shortestMatch = 2
    /// A longer one says no more.
    static let longestMatch = 4
    /// Tokens guessed at once where most guesses hold. In int8 on one core four rows cost 1.8 of one, as three do, and two
    /// rows 1.1: elsewhere one token is guessed.
    static let longestDraft = 3
    /// Tokens without guesses after too many were wrong.
    static let pause = 32

    /// Prompt and answer so far.
    private(set) var history: [Int32]
    /// A moving mean of whether guesses held.
    private var trust = 0.5
    /// Tokens to come before the next guess.
    private var waiting = 0

    init(_ prompt: [Int32]) { history = prompt }

    mutating func append(_ token: Int32) {
        history.append(token)
        waiting = max(0, waiting - 1)
    }

    /// Up to `limit` tokens that may come next; none if nothing matches or guessing does not pay.
    func draft(atMost limit: Int) -> [Int32] {
        guard waiting == 0, limit > 0, let match = lastMatch() else { return [] }
        // Beyond the end of the text the guess goes on with itself, as a text with that period would.
        let period = history.count - match
        return (0..<min(limit, trust > 0.75 ? Self.longestDraft : 1)).map { history[match + $0 % period] }
    }

    /// Learns how many of `drafted` guesses held.
    mutating func record(drafted: Int, accepted: Int) {
        // What comes after the first wrong guess says nothing.
        for guess in 0..<min(accepted + 1, drafted) { trust += 0.1 * ((guess < accepted ? 1 : 0) - trust) }
        guard trust < 0.2 else { return }
        trust = 0.3
        waiting = Self.pause
    }

    /// Where the longest earlier run of tokens ends that equals the last ones, up to `longestMatch` of them; of equal
    /// lengths the latest.
    private func lastMatch() -> Int? {
        history.withUnsafeBufferPointer { tokens in
            guard let last = tokens.last else { return nil }
            var best: (end: Int, length: Int)?
            for end in stride(from: tokens.count - 1, to: 0, by: -1) where tokens[end - 1] == last {
                var length = 1
                while length < Self.longestMatch, length < end,
                    tokens[end - 1 - length] == tokens[tokens.count - 1 - length]
                {
                    length += 1
                }
                if length >= Self.shortestMatch, length > best?.length ?? 0 { best = (end, length) }
                if length == Self.longestMatch { break }
            }
            return best?.end
        }
    }
}
