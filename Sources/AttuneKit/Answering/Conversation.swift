// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTokenizer

/// A chat with a base and the adapters on top of it; what was evaluated for one turn is reused by the next.
final class Conversation {
    private(set) var messages: [ChatMessage]
    /// Turns that were left out of the last prompt because the context was full.
    private(set) var forgotten = 0
    private let model: BaseModel
    private let decoder: Decoder
    private let generator: Generator
    private let contextLength: Int

    /// - Parameters:
    ///   - messages: What was said before, a system message first if there is one.
    ///   - contextLength: At most so many tokens, prompt and answer together; never more than the base allows.
    ///   - precision: How products are computed, as `DecodingPlan` chooses.
    ///   - cacheType: How keys and values of earlier tokens are kept; it must fit the base.
    init(
        model: BaseModel, adapters: [AppliedAdapter], messages: [ChatMessage], contextLength: Int,
        cacheType: CacheType, precision: DecodingPrecision
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
    func use(_ adapters: [AppliedAdapter]) { decoder.setAdapters(adapters) }

    /// Takes the last question and its answer back; false when there is none.
    func undo() -> Bool {
        guard let last = messages.lastIndex(where: { $0.role == .user }) else { return false }
        messages.removeSubrange(last...)
        return true
    }

    /// Answers a question and remembers both.
    ///
    /// - Throws: `ModelError` where even the question alone is longer than the context.
    func say(
        _ text: String, settings: AnswerSettings, seed: UInt64, isCancelled: () -> Bool, onText: (String) -> Void
    ) throws -> Answer {
        let asked = messages + [ChatMessage(role: .user, content: text)]
        let answer = try generator.generate(
            prompt: prompt(for: asked, reserving: settings.maxTokens), sampling: settings.sampling, seed: seed,
            maxTokens: settings.maxTokens, stops: settings.stops, isCancelled: isCancelled, onText: onText)
        messages = asked + [ChatMessage(role: .assistant, content: answer.text)]
        return Answer(answer)
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
