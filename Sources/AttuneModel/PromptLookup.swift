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
    /// The most tokens guessed at once.
    static let longestDraft = 3
    /// Tokens without guesses after too many were wrong.
    static let pause = 32

    /// Prompt and answer so far.
    private(set) var history: [Int32]
    /// A moving mean of the share of guesses that held.
    private var trust = 0.6
    /// Tokens to come before the next guess.
    private var waiting = 0

    init(_ prompt: [Int32]) { history = prompt }

    mutating func append(_ token: Int32) {
        history.append(token)
        waiting = max(0, waiting - 1)
    }

    /// Up to `limit` tokens that may come next; none where nothing matches or guessing does not pay.
    func draft(atMost limit: Int) -> [Int32] {
        guard waiting == 0, limit > 0, let match = lastMatch() else { return [] }
        let length = min(limit, match.length == Self.shortestMatch ? Self.longestDraft - 1 : Self.longestDraft)
        // Beyond the end of the text the guess goes on with itself, as a text with that period would.
        let period = history.count - match.end
        return (0..<length).map { history[match.end + $0 % period] }
    }

    /// Learns how many of `drafted` guesses held.
    mutating func record(drafted: Int, accepted: Int) {
        guard drafted > 0 else { return }
        trust += 0.2 * (Double(accepted) / Double(drafted) - trust)
        guard trust < 0.25 else { return }
        trust = 0.4
        waiting = Self.pause
    }

    /// Where the longest earlier run of tokens ends that equals the last ones, and its length up to `longestMatch`; of
    /// equal lengths the latest.
    private func lastMatch() -> (end: Int, length: Int)? {
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
            return best
        }
    }
}
