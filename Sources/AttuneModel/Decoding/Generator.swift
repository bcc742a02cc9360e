// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor
import AttuneTokenizer

/// Writes text token by token: evaluate, sample, decode, until something ends it.
///
/// Tokens that repeat earlier text are guessed and evaluated together with the one before them; a guess is taken only
/// where the sampler draws the same token, so the text is the one without guesses.
/// One generator serves one thread at a time; its decoder keeps the conversation's keys and values between calls.
package final class Generator {
    package let decoder: Decoder
    package let tokenizer: Tokenizer
    private let guesses: Bool

    /// - Parameter guesses: whether tokens are guessed; it changes the time, not the text.
    package init(decoder: Decoder, tokenizer: Tokenizer, guesses: Bool = true) {
        self.decoder = decoder
        self.tokenizer = tokenizer
        self.guesses = guesses
    }

    /// Continues `prompt`, giving text to `onText` as soon as it is certain.
    ///
    /// - Parameters:
    ///   - seed: with the same prompt, options and adapters, gives the same text.
    ///   - maxTokens: the most tokens to write; the context may end earlier.
    ///   - stops: strings that end the text before themselves.
    ///   - isCancelled: asked before every token and every chunk of the prompt.
    /// - Throws: `ModelError`: `E-DECODE-001` to `E-DECODE-003` for a prompt that does not fit, holds a foreign token or
    ///   is empty, `E-SAMPLE-001` when the scores are not numbers, `E-MODEL-006` when it is the base's weights that are
    ///   not, `E-GGUF-009` when the base changed in use.
    package func generate(
        prompt: [Int32], sampling: SamplingOptions, seed: UInt64, maxTokens: Int, stops: [String] = [],
        isCancelled: () -> Bool = { false }, onText: (String) -> Void = { _ in }
    ) throws -> Generation {
        var generation = Generation()
        generation.promptTokens = prompt.count
        generation.reusedTokens = decoder.reusable(of: prompt)
        let clock = ContinuousClock()
        let start = clock.now
        var logits: Matrix<Float>
        do {
            logits = try decoder.prefill(prompt: prompt, isCancelled: isCancelled)
        } catch is CancellationError {
            generation.stopReason = .cancelled
            generation.prefillSeconds = (clock.now - start).seconds
            return generation
        }
        let prefilled = clock.now
        generation.prefillSeconds = (prefilled - start).seconds

        var sampler = Sampler(sampling, seed: seed, breakers: breakers(sampling))
        var text = StreamingDecoder(tokenizer, stops: stops)
        var lookup = PromptLookup(prompt)
        var draft: [Int32] = []
        func give(_ part: String) {
            guard !part.isEmpty else { return }
            generation.text += part
            onText(part)
        }
        // Draws the token that row `row` of the logits leads to; nil if the text ends.
        func next(_ row: Int) throws -> Int32? {
            guard !isCancelled() else {
                generation.stopReason = .cancelled
                return nil
            }
            guard generation.tokens.count < maxTokens else { return nil }
            let token: Int32
            do {
                token = try sampler.sample(logits.rows(row..<row + 1), history: lookup.history)
            } catch let error as ModelError {
                try decoder.model.requireFinite()
                throw error
            }
            if tokenizer.endOfGeneration.contains(token) {
                generation.stopReason = .endOfTurn
                return nil
            }
            generation.tokens.append(token)
            lookup.append(token)
            give(text.append(token))
            if text.stopped {
                generation.stopReason = .stopString
                return nil
            }
            return token
        }
        while true {
            let kept = decoder.tokens.count - draft.count
            var accepted = 0
            var token = try next(0)
            while let drawn = token, accepted < draft.count, drawn == draft[accepted] {
                accepted += 1
                token = try next(accepted)
            }
            decoder.truncate(to: kept + accepted)
            lookup.record(drafted: draft.count, accepted: accepted)
            generation.acceptedTokens += accepted
            let room = min(maxTokens - generation.tokens.count, decoder.contextLength - decoder.tokens.count)
            guard let token, room > 0 else { break }
            draft = guesses && decoder.rowsStandAlone ? lookup.draft(atMost: room - 1) : []
            generation.draftedTokens += draft.count
            logits = try decoder.evaluateAll([token] + draft)
        }
        give(text.finish())
        generation.decodeSeconds = (clock.now - prefilled).seconds
        return generation
    }

    /// Tokens that contain one of the strings that end a run for DRY.
    private func breakers(_ options: SamplingOptions) -> Set<Int32> {
        guard options.dryMultiplier > 0 else { return [] }
        let strings = options.drySequenceBreakers.filter { !$0.isEmpty }
        return Set(
            (0..<Int32(clamping: tokenizer.vocabularySize)).filter { id in
                let text = tokenizer.text(of: id)
                return strings.contains { text.contains($0) }
            })
    }
}

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
