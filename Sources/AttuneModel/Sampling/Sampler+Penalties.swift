// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

extension Sampler {
    /// Makes tokens of the last `repeatLastN` less likely: ÷ or × the repeat penalty, − count·frequency − presence.
    func applyPenalties(to logits: inout [Float], history: [Int32]) {
        guard options.repeatPenalty != 1 || options.frequencyPenalty != 0 || options.presencePenalty != 0 else {
            return
        }
        var counts: [Int32: Int] = [:]
        for token in window(options.repeatLastN, of: history) { counts[token, default: 0] += 1 }
        for (token, count) in counts where logits.indices.contains(Int(token)) {
            let logit = logits[Int(token)]
            logits[Int(token)] =
                (logit > 0 ? logit / options.repeatPenalty : logit * options.repeatPenalty)
                - Float(count) * options.frequencyPenalty - options.presencePenalty
        }
    }

    /// DRY: a token that would prolong the repetition of an earlier run by one loses multiplier·base^(length − allowed).
    func applyDRY(to logits: inout [Float], history: [Int32]) {
        guard options.dryMultiplier > 0 else { return }
        // Newest first, so that runs that end now are prefixes.
        let recent = Array(window(options.dryLastN, of: history).reversed())
        let limit = recent.firstIndex { breakers.contains($0) } ?? recent.count
        guard limit >= options.dryAllowedLength, recent.count > options.dryAllowedLength else { return }
        let matches = Self.prefixMatches(recent)
        var longest: [Int32: Int] = [:]
        for start in recent.indices.dropFirst() {
            let length = min(matches[start], limit)
            if length >= options.dryAllowedLength { longest[recent[start - 1], default: 0].formMax(length) }
        }
        for (token, length) in longest where logits.indices.contains(Int(token)) {
            let penalty = options.dryMultiplier * pow(options.dryBase, Float(length - options.dryAllowedLength))
            // A penalty beyond what a float holds must not turn into −∞ − −∞ later.
            logits[Int(token)] -= min(penalty, 1e30)
        }
    }

    /// The last `length` tokens; all of them if `length` is below 0.
    private func window(_ length: Int, of history: [Int32]) -> ArraySlice<Int32> {
        length < 0 ? history[...] : history.suffix(length)
    }

    /// For each start, how many tokens from there on equal the first ones (the Z algorithm, linear time).
    static func prefixMatches(_ tokens: [Int32]) -> [Int] {
        var matches = [Int](repeating: 0, count: tokens.count)
        var (left, right) = (0, 0)
        for start in tokens.indices.dropFirst() {
            var length = start < right ? min(right - start, matches[start - left]) : 0
            while start + length < tokens.count, tokens[length] == tokens[start + length] { length += 1 }
            matches[start] = length
            if start + length > right { (left, right) = (start, start + length) }
        }
        return matches
    }
}

extension Int {
    fileprivate mutating func formMax(_ other: Int) { self = Swift.max(self, other) }
}
