// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit

extension CacheType: ExpressibleByArgument {}

/// How the next token is chosen.
struct SamplingFlags: ParsableArguments {
    @Option(name: .customLong("temp"), help: "Temperature; 0 always takes the likeliest token.")
    var temperature: Float?
    @Option(help: "Keep the K likeliest tokens; 0 keeps all.") var topK: Int?
    @Option(help: "Keep the likeliest tokens that sum to P.") var topP: Float?
    @Option(help: "Keep tokens at least so likely as a share of the likeliest.") var minP: Float?
    @Option(help: "Divide the logits of recent tokens by this; 1 is off.") var repeatPenalty: Float?
    @Option(help: "Tokens that count as recent.") var repeatLast: Int?
    @Option(help: "Seed of the draws; a new one each time when absent.") var seed: UInt64?
    @Option(name: .customLong("max"), help: "Longest answer in tokens.") var maxTokens: Int = 256
    @Option(help: "How keys and values of earlier tokens are kept; q8_0 takes half of f16's memory.")
    var kvCache = CacheType.f16
    @Option(
        help: "Use at most so much memory, such as 2G; a larger base is read layer by layer.", transform: memorySize)
    var memoryLimit: Int?
    @Option(help: "End the answer before this text; can be given several times.") var stop: [String] = []

    var settings: AnswerSettings {
        AnswerSettings(
            temperature: temperature, topK: topK, topP: topP, minP: minP, repeatPenalty: repeatPenalty,
            repeatLast: repeatLast, maxTokens: maxTokens, stops: stop, cacheType: kvCache, memoryLimit: memoryLimit)
    }

    /// The seed that is used, given or drawn.
    var chosenSeed: UInt64 { seed ?? UInt64.random(in: 1...UInt64(UInt32.max)) }

    func validate() throws {
        guard maxTokens > 0 else { throw ValidationError("--max must be at least 1") }
        if let temperature, !temperature.isFinite || temperature < 0 {
            throw ValidationError("--temp must be 0 or more")
        }
        for (flag, value) in [("--top-p", topP), ("--min-p", minP)] {
            if let value, !(0...1).contains(value) { throw ValidationError("\(flag) must be 0 to 1") }
        }
    }
}
