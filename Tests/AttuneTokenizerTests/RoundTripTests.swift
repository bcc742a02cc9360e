// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import AttuneTokenizer
import Testing

@Suite struct RoundTripTests {
    @Test func decodingGivesBackEveryText() throws {
        let tokenizer = try SmolLM2.tokenizer
        var random = SyntheticRandom(seed: 1)
        for _ in 0..<300 {
            let text = random.text(length: 40)
            let ids = tokenizer.encode(text)
            #expect(tokenizer.decode(ids).utf8.elementsEqual(text.utf8), "\(text.debugDescription)")
            #expect(ids.allSatisfy { $0 >= 0 && Int($0) < tokenizer.vocabularySize && !tokenizer.isControl($0) })
        }
    }

    @Test func streamingGivesTheSameTextAsDecodingTheWhole() throws {
        let tokenizer = try SmolLM2.tokenizer
        var random = SyntheticRandom(seed: 2)
        for _ in 0..<100 {
            let ids = tokenizer.encode(random.text(length: 30))
            #expect(stream(ids, tokenizer) == tokenizer.decode(ids))
        }
    }

    @Test func streamingEqualsDecodingForAnyTokensAtAll() throws {
        let tokenizer = try SmolLM2.tokenizer
        var random = SyntheticRandom(seed: 4)
        for _ in 0..<100 {
            // The single bytes lie at the beginning of the vocabulary, so this makes much broken UTF-8.
            let ids = (0..<40).map { _ in Int32.random(in: -2..<600, using: &random) }
            #expect(stream(ids, tokenizer).utf8.elementsEqual(tokenizer.decode(ids).utf8))
        }
    }

    @Test func aLongWordAndALongRunOfSpacesAreEncodedInReasonableTime() throws {
        let tokenizer = try SmolLM2.tokenizer
        for text in [String(repeating: " ", count: 100_000), String(repeating: "ab", count: 50_000)] {
            let clock = ContinuousClock()
            let start = clock.now
            let ids = tokenizer.encode(text)
            #expect(tokenizer.decode(ids) == text)
            // Quadratic merging would take minutes here; this takes a second without optimisation.
            #expect(start.duration(to: clock.now) < .seconds(60))
        }
    }

    private func stream(_ ids: [Int32], _ tokenizer: Tokenizer) -> String {
        var decoder = StreamingDecoder(tokenizer, stops: [])
        return ids.map { decoder.append($0) }.joined() + decoder.finish()
    }
}
