// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTokenizer
import AttuneTraining

/// One question to a base or an adapter, without a history.
package struct Question: Sendable {
    private let text: String
    private let system: String?
    private let raw: Bool
    private let settings: AnswerSettings
    private let seed: UInt64

    /// - Parameters:
    ///   - system: the system message.
    ///   - raw: true to continue the text itself, without a chat template and a system message.
    ///   - seed: of the draws.
    package init(text: String, system: String? = nil, raw: Bool = false, settings: AnswerSettings, seed: UInt64) {
        self.text = text
        self.system = system
        self.raw = raw
        self.settings = settings
        self.seed = seed
    }

    /// The tokens of the prompt; what the person wrote never becomes a special token.
    package func tokens(for source: AnswerSource) -> [Int32] {
        let model = source.model
        if raw {
            let ids = model.tokenizer.encode(text, special: .refused, addBOS: model.tokenizer.addsBOS)
            // A prompt of no tokens has no last position to predict from.
            return ids.isEmpty ? [model.tokenizer.bos ?? model.tokenizer.endOfDocument] : ids
        }
        let system = system.map { [ChatMessage(role: .system, content: $0)] } ?? []
        return model.chatTemplate.tokens(
            system + [ChatMessage(role: .user, content: text)], addGenerationPrompt: true, tokenizer: model.tokenizer
        ).ids
    }

    /// Answers; `onText` receives the text piece by piece.
    ///
    /// - Throws: `ModelError`; `KitError` E-MEMORY-001, E-MEMORY-002.
    package func ask(
        _ source: AnswerSource, isCancelled: () -> Bool = { false }, onText: (String) -> Void = { _ in }
    ) throws -> Answer {
        let model = source.model
        let prompt = tokens(for: source)
        let longest = model.configuration.contextLength
        let context = min(prompt.count + min(settings.maxTokens, longest) + 1, longest)
        let plan = try DecodingPlan(
            model: model, tokens: context, context: context, cacheType: settings.cacheType, limits: settings.limits)
        model.residency.limit(to: plan.memory)
        let decoder = Decoder(
            model: model, adapters: source.adapters, contextLength: context, precision: plan.precision,
            cacheType: settings.cacheType)
        return Answer(
            try Generator(decoder: decoder, tokenizer: model.tokenizer).generate(
                prompt: prompt, sampling: settings.sampling, seed: seed, maxTokens: settings.maxTokens,
                stops: settings.stops, isCancelled: isCancelled, onText: onText))
    }

    /// The largest logits after the prompt, for comparing implementations.
    package func topLogits(_ count: Int, of source: AnswerSource) throws -> [(id: Int32, logit: Float)] {
        let prompt = tokens(for: source)
        let decoder = Decoder(model: source.model, adapters: source.adapters, contextLength: prompt.count + 1)
        let logits = try decoder.evaluate(prompt).values
        let order = logits.indices.sorted { (logits[$0], $1) > (logits[$1], $0) }
        return order.prefix(count).map { (Int32($0), logits[$0]) }
    }
}
