// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneModel

/// How answers are drawn, how long they may get and what memory they may take.
package struct AnswerSettings: Sendable {
    let sampling: SamplingOptions
    /// Of one answer, at most.
    let maxTokens: Int
    /// Texts that an answer ends before.
    let stops: [String]
    /// How keys and values of earlier tokens are kept.
    let cacheType: CacheType
    private let memoryLimit: Int?

    /// - Parameters:
    ///   - temperature: 0 always takes the likeliest token; nil, here and below, is what is usual.
    ///   - memoryLimit: bytes, where they are to be fewer than what is free.
    package init(
        temperature: Float? = nil, topK: Int? = nil, topP: Float? = nil, minP: Float? = nil,
        repeatPenalty: Float? = nil, repeatLast: Int? = nil, maxTokens: Int = 256, stops: [String] = [],
        cacheType: CacheType = .f16, memoryLimit: Int? = nil
    ) {
        var sampling = SamplingOptions()
        if let temperature { sampling.temperature = temperature }
        if let topK { sampling.topK = topK }
        if let topP { sampling.topP = topP }
        if let minP { sampling.minP = minP }
        if let repeatPenalty { sampling.repeatPenalty = repeatPenalty }
        if let repeatLast { sampling.repeatLastN = repeatLast }
        self.sampling = sampling
        self.maxTokens = maxTokens
        self.stops = stops
        self.cacheType = cacheType
        self.memoryLimit = memoryLimit
    }

    /// What may be used now.
    var limits: MemoryLimits { MemoryLimits.current().limited(to: memoryLimit) }
}

/// What was answered, why it ended and how long it took.
package struct Answer: Sendable {
    package let text: String
    /// The tokens that were written, without the one that ends the turn.
    package let tokens: [Int32]
    /// Why it ended, as scripts read it: `endOfTurn`, `length`, `stopString` or `cancelled`.
    package let stop: String
    package let promptTokens: Int
    /// Tokens of the prompt that did not have to be evaluated again.
    package let reusedTokens: Int
    /// Until the whole prompt was evaluated.
    package let prefillSeconds: Double
    /// For writing after that.
    package let decodeSeconds: Double

    init(_ generation: Generation) {
        text = generation.text
        tokens = generation.tokens
        stop = generation.stopReason.rawValue
        promptTokens = generation.promptTokens
        reusedTokens = generation.reusedTokens
        prefillSeconds = generation.prefillSeconds
        decodeSeconds = generation.decodeSeconds
    }
}
