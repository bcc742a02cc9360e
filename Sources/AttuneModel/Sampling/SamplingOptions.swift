// Attune
// SPDX-License-Identifier: Apache-2.0

/// How the next token is drawn; the defaults are those of llama.cpp.
///
/// Values that are absent when decoding take their defaults.
package struct SamplingOptions: Codable, Sendable, Equatable {
    /// 0 or less always takes the likeliest token.
    package var temperature: Float = 0.8
    /// Keep this many of the likeliest tokens; 0 or less keeps all.
    package var topK = 40
    /// Keep the likeliest tokens until they hold this share of the probability; 1 keeps all.
    package var topP: Float = 0.95
    /// Keep tokens at least this share as likely as the likeliest; 0 keeps all.
    package var minP: Float = 0.05
    /// Keep the tokens of most typical surprise until they hold this share (arXiv:2202.00666); 1 keeps all.
    package var typicalP: Float = 1
    /// Divides logits above 0 and multiplies others, once for each token seen lately; 1 is off.
    package var repeatPenalty: Float = 1
    /// How many tokens back the penalties look; 0 is off, below 0 the whole history.
    package var repeatLastN = 64
    /// Subtracted for each time a token was seen lately.
    package var frequencyPenalty: Float = 0
    /// Subtracted once if a token was seen lately.
    package var presencePenalty: Float = 0
    /// DRY: a token that would prolong a repeated run loses multiplier·base^(length − allowed); 0 is off.
    package var dryMultiplier: Float = 0
    package var dryBase: Float = 1.75
    package var dryAllowedLength = 2
    /// How many tokens back DRY looks; 0 is off, below 0 the whole history.
    package var dryLastN = 64
    /// Texts that end a run for DRY: a token that contains one is never part of a repetition.
    package var drySequenceBreakers = ["\n", ":", "\"", "*"]
    /// XTC: chance of dropping all tokens above the threshold but the least likely of them; 0 is off.
    package var xtcProbability: Float = 0
    package var xtcThreshold: Float = 0.1
    /// Keep logits within this many standard deviations of the largest (arXiv:2411.07641); 0 or less is off.
    package var topNSigma: Float = -1
    /// 0 is off; 2 replaces the chain by mirostat 2 (arXiv:2007.14966).
    package var mirostat = 0
    /// The surprise that mirostat steers to, in bits.
    package var mirostatTau: Float = 5
    /// How fast mirostat steers.
    package var mirostatEta: Float = 0.1
    /// nil takes a new one for each answer.
    package var seed: UInt64?

    package init() {}

    /// Always the likeliest token.
    package static var greedy: SamplingOptions {
        var options = SamplingOptions()
        options.temperature = 0
        return options
    }

    /// Refuses values that cannot mean anything.
    ///
    /// - Throws: `E-SAMPLE-002`.
    package func validate() throws {
        func check(_ holds: Bool, _ name: String, _ rule: String) throws {
            guard holds else { throw ModelError.badOption(name, rule) }
        }
        try check(temperature.isFinite, "temperature", "a finite number")
        try check((0...1).contains(topP), "top_p", "between 0 and 1")
        try check((0...1).contains(minP), "min_p", "between 0 and 1")
        try check((0...1).contains(typicalP), "typical_p", "between 0 and 1")
        try check(repeatPenalty > 0 && repeatPenalty.isFinite, "repeat_penalty", "a number above 0")
        try check(frequencyPenalty.isFinite, "frequency_penalty", "a finite number")
        try check(presencePenalty.isFinite, "presence_penalty", "a finite number")
        try check(dryMultiplier >= 0 && dryMultiplier.isFinite, "dry_multiplier", "a number of at least 0")
        try check(dryBase >= 1 && dryBase.isFinite, "dry_base", "a number of at least 1")
        try check(dryAllowedLength >= 1, "dry_allowed_length", "at least 1")
        try check((0...1).contains(xtcProbability), "xtc_probability", "between 0 and 1")
        try check((0...1).contains(xtcThreshold), "xtc_threshold", "between 0 and 1")
        try check(topNSigma.isFinite, "top_n_sigma", "a finite number")
        try check(mirostat == 0 || mirostat == 2, "mirostat", "0 or 2")
        try check(mirostatTau > 0 && mirostatTau.isFinite, "mirostat_tau", "a number above 0")
        try check((0...1).contains(mirostatEta), "mirostat_eta", "between 0 and 1")
    }
}

extension SamplingOptions {
    package init(from decoder: any Swift.Decoder) throws {
        self.init()
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func read<Value: Decodable>(_ key: CodingKeys, _ fallback: Value) throws -> Value {
            try values.decodeIfPresent(Value.self, forKey: key) ?? fallback
        }
        temperature = try read(.temperature, temperature)
        topK = try read(.topK, topK)
        topP = try read(.topP, topP)
        minP = try read(.minP, minP)
        typicalP = try read(.typicalP, typicalP)
        repeatPenalty = try read(.repeatPenalty, repeatPenalty)
        repeatLastN = try read(.repeatLastN, repeatLastN)
        frequencyPenalty = try read(.frequencyPenalty, frequencyPenalty)
        presencePenalty = try read(.presencePenalty, presencePenalty)
        dryMultiplier = try read(.dryMultiplier, dryMultiplier)
        dryBase = try read(.dryBase, dryBase)
        dryAllowedLength = try read(.dryAllowedLength, dryAllowedLength)
        dryLastN = try read(.dryLastN, dryLastN)
        drySequenceBreakers = try read(.drySequenceBreakers, drySequenceBreakers)
        xtcProbability = try read(.xtcProbability, xtcProbability)
        xtcThreshold = try read(.xtcThreshold, xtcThreshold)
        topNSigma = try read(.topNSigma, topNSigma)
        mirostat = try read(.mirostat, mirostat)
        mirostatTau = try read(.mirostatTau, mirostatTau)
        mirostatEta = try read(.mirostatEta, mirostatEta)
        seed = try values.decodeIfPresent(UInt64.self, forKey: .seed)
    }
}
