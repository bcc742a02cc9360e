// Attune
// SPDX-License-Identifier: Apache-2.0

/// What a generator wrote, why it stopped and how long it took.
package struct Generation: Sendable {
    /// Why an answer ended.
    package enum StopReason: String, Codable, Sendable {
        /// The model ended its turn itself.
        case endOfTurn
        /// The limit of tokens, or the context, was reached.
        case length
        /// A stop string appeared; the text ends before it.
        case stopString
        case cancelled
    }

    /// The tokens that were written, without the one that ends the turn.
    package var tokens: [Int32] = []
    package var text = ""
    package var stopReason = StopReason.length
    package var promptTokens = 0
    /// Tokens of the prompt whose keys and values were still there.
    package var reusedTokens = 0
    /// Tokens that were guessed and evaluated together with the one before them.
    package var draftedTokens = 0
    /// Guesses among them that the sampler then drew.
    package var acceptedTokens = 0
    /// Seconds until the whole prompt was evaluated.
    package var prefillSeconds = 0.0
    /// Seconds spent on writing after that.
    package var decodeSeconds = 0.0
}
