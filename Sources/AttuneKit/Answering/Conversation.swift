// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor
import AttuneTokenizer

/// A chat with a base and the adapters on top of it; what was evaluated for one turn is reused by the next.
package final class Conversation {
    package private(set) var messages: [ChatMessage]
    /// Turns that were left out of the last prompt because the context was full.
    package private(set) var forgotten = 0
    private let model: BaseModel
    private let decoder: Decoder
    private let generator: Generator
    private let contextLength: Int

    /// - Parameters:
    ///   - messages: What was said before, a system message first if there is one.
    ///   - contextLength: At most so many tokens, prompt and answer together; never more than the base allows.
    ///   - precision: How products are computed, as `DecodingPlan` chooses.
    ///   - cacheType: How keys and values of earlier tokens are kept; it must fit the base.
    package init(
        model: BaseModel, adapters: [AppliedAdapter], messages: [ChatMessage] = [], contextLength: Int = 4096,
        cacheType: CacheType = .f16, precision: DecodingPrecision
    ) {
        self.model = model
        self.messages = messages
        self.contextLength = min(contextLength, model.configuration.contextLength)
        decoder = Decoder(
            model: model, adapters: adapters, contextLength: self.contextLength, precision: precision,
            cacheType: cacheType)
        generator = Generator(decoder: decoder, tokenizer: model.tokenizer)
    }

    /// Changes the adapters from the next turn on.
    package func use(_ adapters: [AppliedAdapter]) { decoder.setAdapters(adapters) }

    /// Takes the last question and its answer back; false when there is none.
    package func undo() -> Bool {
        guard let last = messages.lastIndex(where: { $0.role == .user }) else { return false }
        messages.removeSubrange(last...)
        return true
    }

    /// Answers a question and remembers both.
    ///
    /// - Throws: `ModelError` where even the question alone is longer than the context.
    package func say(
        _ text: String, sampling: SamplingOptions, seed: UInt64, maxTokens: Int, stops: [String] = [],
        isCancelled: () -> Bool = { false }, onText: (String) -> Void
    ) throws -> Generation {
        let asked = messages + [ChatMessage(role: .user, content: text)]
        let answer = try generator.generate(
            prompt: prompt(for: asked, reserving: maxTokens), sampling: sampling, seed: seed, maxTokens: maxTokens,
            stops: stops, isCancelled: isCancelled, onText: onText)
        messages = asked + [ChatMessage(role: .assistant, content: answer.text)]
        return answer
    }

    /// The tokens of a conversation; the oldest turns are left out until it fits, the system message never.
    private func prompt(for all: [ChatMessage], reserving reserve: Int) -> [Int32] {
        var kept = all
        let room = max(contextLength - reserve, contextLength / 2)
        while true {
            let ids = model.chatTemplate.tokens(kept, addGenerationPrompt: true, tokenizer: model.tokenizer).ids
            let first = kept.first?.role == .system ? 1 : 0
            guard ids.count > room, kept.count > first + 1 else {
                forgotten = all.count - kept.count
                return ids
            }
            // A question leaves together with its answer.
            kept.removeSubrange(first..<min(first + 2, kept.count - 1))
        }
    }
}
