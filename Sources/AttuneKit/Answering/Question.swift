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
    package var text: String
    package var system: String?
    /// Continue the text itself; no chat template, no system message.
    package var raw: Bool
    package var sampling: SamplingOptions
    package var seed: UInt64
    package var maxTokens: Int
    package var stops: [String]
    /// How keys and values of earlier tokens are kept.
    package var cacheType: CacheType
    /// Memory that an answer may take.
    package var limits: MemoryLimits

    package init(
        text: String, system: String? = nil, raw: Bool = false, sampling: SamplingOptions = SamplingOptions(),
        seed: UInt64 = 0, maxTokens: Int = 256, stops: [String] = [], cacheType: CacheType = .f16,
        limits: MemoryLimits
    ) {
        self.text = text
        self.system = system
        self.raw = raw
        self.sampling = sampling
        self.seed = seed
        self.maxTokens = maxTokens
        self.stops = stops
        self.cacheType = cacheType
        self.limits = limits
    }

    /// The tokens of the prompt; what the person wrote never becomes a special token.
    package func tokens(for model: BaseModel) -> [Int32] {
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
    package func ask(
        _ model: BaseModel, adapters: [AppliedAdapter], isCancelled: () -> Bool = { false },
        onText: (String) -> Void = { _ in }
    ) throws -> Generation {
        let prompt = tokens(for: model)
        let longest = model.configuration.contextLength
        let context = min(prompt.count + min(maxTokens, longest) + 1, longest)
        let plan = try DecodingPlan(
            model: model, tokens: context, context: context, cacheType: cacheType,
            limits: limits)
        model.residency.limit(to: plan.memory)
        let decoder = Decoder(
            model: model, adapters: adapters, contextLength: context, precision: plan.precision, cacheType: cacheType)
        return try Generator(decoder: decoder, tokenizer: model.tokenizer).generate(
            prompt: prompt, sampling: sampling, seed: seed, maxTokens: maxTokens, stops: stops,
            isCancelled: isCancelled, onText: onText)
    }

    /// The largest logits after the prompt, for comparing implementations.
    package func topLogits(
        _ count: Int, model: BaseModel, adapters: [AppliedAdapter]
    ) throws -> [(id: Int32, logit: Float)] {
        let prompt = tokens(for: model)
        let decoder = Decoder(model: model, adapters: adapters, contextLength: prompt.count + 1)
        let logits = try decoder.evaluate(prompt).values
        let order = logits.indices.sorted { (logits[$0], $1) > (logits[$1], $0) }
        return order.prefix(count).map { (Int32($0), logits[$0]) }
    }
}
