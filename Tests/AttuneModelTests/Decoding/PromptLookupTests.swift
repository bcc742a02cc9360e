// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import AttuneTestSupport
import AttuneTokenizer
import Testing

@testable import AttuneModel

@Suite struct PromptLookupTests {
    /// A lookup most of whose guesses held so far.
    private func trusted(_ history: [Int32]) -> PromptLookup {
        var lookup = PromptLookup(history)
        for _ in 0..<10 { lookup.record(drafted: 1, accepted: 1) }
        return lookup
    }

    @Test func itGuessesWhatFollowedTheLastTokensBefore() {
        #expect(trusted([1, 2, 3, 4, 9, 8, 1, 2]).draft(atMost: 8) == [3, 4, 9])
        #expect(trusted([1, 2, 3, 4, 9, 8, 1, 2, 3]).draft(atMost: 8) == [4, 9, 8])
        #expect(trusted([1, 2, 3, 4, 9, 8, 1, 2, 3]).draft(atMost: 2) == [4, 9])
        #expect(trusted([1, 2, 3, 4, 9, 8, 1, 2, 3]).draft(atMost: 0) == [])
        // One equal token is not enough.
        #expect(trusted([1, 2, 3, 4, 5, 2]).draft(atMost: 8) == [])
        #expect(trusted([]).draft(atMost: 8) == [])
        #expect(trusted([7]).draft(atMost: 8) == [])
    }

    @Test func theLongestMatchWinsAndOfEqualOnesTheLatest() {
        #expect(PromptLookup([1, 2, 3, 5, 0, 2, 3, 6, 0, 1, 2, 3]).draft(atMost: 1) == [5])
        #expect(PromptLookup([2, 3, 5, 0, 2, 3, 6, 0, 2, 3]).draft(atMost: 1) == [6])
        #expect(PromptLookup([8, 2, 3, 5, 7, 2, 3, 6, 0, 2, 3]).draft(atMost: 1) == [6])
    }

    @Test func aPeriodGoesOnBeyondTheEnd() {
        #expect(trusted([4, 4, 4, 4]).draft(atMost: 3) == [4, 4, 4])
        #expect(trusted([1, 2, 1, 2, 1, 2]).draft(atMost: 3) == [1, 2, 1])
    }

    @Test func itGuessesMoreWhereGuessesHoldAndNothingForAWhileWhereTheyDoNot() {
        var lookup = PromptLookup([1, 2, 3, 1, 2, 3])
        #expect(lookup.draft(atMost: 8).count == 1)
        for _ in 0..<10 { lookup.record(drafted: 1, accepted: 1) }
        #expect(lookup.draft(atMost: 8).count == PromptLookup.longestDraft)
        lookup.record(drafted: 3, accepted: 0)
        lookup.record(drafted: 3, accepted: 0)
        #expect(lookup.draft(atMost: 8).count == 1)
        var rounds = 0
        while !lookup.draft(atMost: 3).isEmpty, rounds < 100 {
            lookup.record(drafted: 1, accepted: 0)
            rounds += 1
        }
        #expect((5...20).contains(rounds))
        for round in 1...PromptLookup.pause {
            lookup.append([1, 2, 3][(round - 1) % 3])
            #expect(lookup.draft(atMost: 3).isEmpty == (round < PromptLookup.pause))
        }
    }

    private func generate(
        _ model: BaseModel, _ prompt: [Int32], _ sampling: SamplingOptions, seed: UInt64, guesses: Bool,
        type: CacheType = .f16, precision: DecodingPrecision = .float32, maxTokens: Int = 24, context: Int = 512,
        stops: [String] = [], adapters: [AppliedAdapter] = []
    ) throws -> (generation: Generation, held: [Int32]) {
        let decoder = Decoder(
            model: model, adapters: adapters, contextLength: context, precision: precision, cacheType: type)
        let generator = Generator(decoder: decoder, tokenizer: model.tokenizer, guesses: guesses)
        let generation = try generator.generate(
            prompt: prompt, sampling: sampling, seed: seed, maxTokens: maxTokens, stops: stops)
        return (generation, decoder.tokens)
    }

    /// The prompts of a chat in which the answer repeats much of the question.
    private func prompts(_ model: BaseModel) -> [[Int32]] {
        [
            "Repeat this list three times: red, green, blue, red, green, blue.",
            "Copy this text exactly: The quick brown fox jumps over the lazy dog. The quick brown fox sleeps.",
        ].map {
            model.chatTemplate.tokens(
                [ChatMessage(role: .user, content: $0)], addGenerationPrompt: true, tokenizer: model.tokenizer
            ).ids
        }
    }

    @Test(arguments: [0, 1]) func theRealModelWritesTheSameTextWithAndWithoutGuesses(_ index: Int) throws {
        let model = try ModelFixtures.base.get()
        let prompt = prompts(model)[index]
        var sampling = SamplingOptions()
        if index == 0 { sampling.temperature = 0 } else { sampling.temperature = 0.2 }
        let precision: DecodingPrecision = index == 0 ? .int8 : .float32
        let plain = try generate(model, prompt, sampling, seed: 3, guesses: false, precision: precision)
        let guessed = try generate(model, prompt, sampling, seed: 3, guesses: true, precision: precision)
        #expect(guessed.generation.tokens == plain.generation.tokens)
        #expect(guessed.generation.text == plain.generation.text)
        #expect(guessed.generation.stopReason == plain.generation.stopReason)
        #expect(guessed.held == plain.held)
        #expect(plain.generation.draftedTokens == 0)
        #expect(plain.generation.acceptedTokens == 0)
        // How many depends on the text, and the text in int8 on the processor.
        #expect(guessed.generation.acceptedTokens >= 1)
        #expect(guessed.generation.acceptedTokens <= guessed.generation.draftedTokens)
    }

    @Test(arguments: [
        (Kernels.bestLevel, DecodingPrecision.float32, CacheType.f32), (Kernels.bestLevel, .float32, .q8_0),
        (Kernels.bestLevel, .int8, .f16), (.avx2, .int8, .f16), (.avx2, .bfloat16, .f16),
    ])
    func logitsOfARowAreTheSameBytesHoweverManyAreEvaluated(
        _ level: Kernels.Level, _ precision: DecodingPrecision, _ type: CacheType
    ) throws {
        try Kernels.at(level) {
            let model = try ModelFixtures.base.get()
            let adapter = AppliedAdapter(try ModelFixtures.adapter(model, rank: 5, amplitude: 0.02))
            let prompt = prompts(model)[0]
            let decoder = Decoder(
                model: model, adapters: [adapter], contextLength: 128, precision: precision, cacheType: type)
            guard decoder.rowsStandAlone else { return }
            _ = try decoder.evaluate(prompt)
            let next: [Int32] = [504, 2365, 6354, 16438]
            let alone = try next.map { try decoder.evaluate([$0]).values }
            for count in 2...next.count {
                decoder.truncate(to: prompt.count)
                let together = try decoder.evaluateAll(Array(next[..<count]))
                for row in 0..<count {
                    #expect(together.rows(row..<row + 1).values == alone[row], "\(row) of \(count)")
                }
            }
        }
    }

    @Test func openBLASIsNotGivenSeveralRowsInsteadOfOne() throws {
        let model = try ModelFixtures.tiny()
        let decoder = Decoder(model: model, adapters: [], contextLength: 64)
        let generator = Generator(decoder: decoder, tokenizer: model.tokenizer)
        var greedy = SamplingOptions()
        greedy.temperature = 0
        try Kernels.at(.openblas) {
            let generation = try generator.generate(
                prompt: [40, 41, 42, 40, 41, 42, 40, 41], sampling: greedy, seed: 0, maxTokens: 30)
            #expect(generation.draftedTokens == 0)
        }
    }

    @Test(arguments: 0..<6) func aTinyModelStopsAtTheSamePlaces(_ seed: UInt64) throws {
        let model = try ModelFixtures.tiny()
        let adapter = try ModelFixtures.adapter(model, rank: 3)
        var greedy = SamplingOptions()
        greedy.temperature = 0
        let prompt: [Int32] = [40, 41, 42, 40, 41, 42, 40, 41]
        for (sampling, context, limit) in [(greedy, 64, 40), (SamplingOptions(), 64, 40), (greedy, 21, 99)] {
            var results: [(generation: Generation, held: [Int32])] = []
            for guesses in [false, true] {
                results.append(
                    try generate(
                        model, prompt, sampling, seed: seed, guesses: guesses, type: .f32, maxTokens: limit,
                        context: context, adapters: [AppliedAdapter(adapter)]))
            }
            #expect(results[0].generation.tokens == results[1].generation.tokens)
            #expect(results[0].generation.stopReason == results[1].generation.stopReason)
            #expect(results[0].held == results[1].held)
            let text = results[0].generation.text
            guard text.count > 6 else { continue }
            let stop = String(text.dropFirst(4).prefix(2))
            let cut = try [false, true].map {
                try generate(
                    model, prompt, sampling, seed: seed, guesses: $0, type: .f32, maxTokens: limit, context: context,
                    stops: [stop], adapters: [AppliedAdapter(adapter)])
            }
            #expect(cut[0].generation.text == cut[1].generation.text)
            #expect(cut[0].held == cut[1].held)
        }
    }
}
