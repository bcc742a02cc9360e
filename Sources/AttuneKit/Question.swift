// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
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

    package init(
        text: String, system: String? = nil, raw: Bool = false, sampling: SamplingOptions = SamplingOptions(),
        seed: UInt64 = 0, maxTokens: Int = 256, stops: [String] = [], cacheType: CacheType = .f16
    ) {
        self.text = text
        self.system = system
        self.raw = raw
        self.sampling = sampling
        self.seed = seed
        self.maxTokens = maxTokens
        self.stops = stops
        self.cacheType = cacheType
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
        try Self.requireMemory(
            tokens: min(prompt.count, context), context: context, model: model, cacheType: cacheType)
        let decoder = Decoder(
            model: model, adapters: adapters, contextLength: context, precision: .fastest(for: model),
            cacheType: cacheType)
        return try Generator(decoder: decoder, tokenizer: model.tokenizer).generate(
            prompt: prompt, sampling: sampling, seed: seed, maxTokens: maxTokens, stops: stops,
            isCancelled: isCancelled, onText: onText)
    }

    /// Passes where the keys and values of `tokens` tokens fit, and the table of rotations of the whole context: a file
    /// may claim a context that no machine has room for.
    ///
    /// - Throws: `KitError` `E-MEMORY-001`, `ModelError` `E-DECODE-004` where heads are no whole blocks of `cacheType`.
    package static func requireMemory(
        tokens: Int, context: Int, model: BaseModel, cacheType: CacheType, limits: MemoryLimits = .current()
    ) throws {
        try cacheType.require(model.configuration)
        let needed = Decoder.bytes(of: model, cacheType: cacheType, positions: tokens, contextLength: context)
        guard needed <= limits.available else {
            throw KitError.contextDoesNotFit(context, needs: Double(needed), available: limits.available)
        }
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
