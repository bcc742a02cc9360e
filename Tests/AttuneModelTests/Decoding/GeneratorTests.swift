// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneModel
import AttuneTokenizer
import Testing

@Suite struct GeneratorTests {
    private func generator(contextLength: Int = 64) throws -> Generator {
        let model = try ModelFixtures.tiny()
        return try Generator(
            decoder: Decoder(model: model, adapters: [], contextLength: contextLength),
            tokenizer: Tokenizer(model.tokenizerDefinition))
    }

    private let prompt: [Int32] = [40, 41, 42]

    @Test func theSameSeedWritesTheSameText() throws {
        var streamed = ""
        let first = try generator().generate(
            prompt: prompt, sampling: SamplingOptions(), seed: 1, maxTokens: 20, onText: { streamed += $0 })
        let second = try generator().generate(prompt: prompt, sampling: SamplingOptions(), seed: 1, maxTokens: 20)
        let other = try generator().generate(prompt: prompt, sampling: SamplingOptions(), seed: 2, maxTokens: 20)
        #expect(first.tokens == second.tokens)
        #expect(first.text == second.text)
        #expect(first.tokens != other.tokens)
        #expect(streamed == first.text)
        #expect(!streamed.isEmpty)
        #expect(first.promptTokens == 3)
        #expect(first.reusedTokens == 0)
    }

    @Test func itStopsAtTheLimitAndAtTheEndOfTheContext() throws {
        let limited = try generator().generate(prompt: prompt, sampling: SamplingOptions(), seed: 1, maxTokens: 4)
        #expect(limited.tokens.count <= 4)
        #expect(limited.stopReason == .length)
        let small = try generator(contextLength: 8)
        let ended = try small.generate(prompt: prompt, sampling: SamplingOptions(), seed: 1, maxTokens: 100)
        // The last token is written but not evaluated.
        #expect(ended.tokens.count == 6)
        #expect(ended.stopReason == .length)
        let nothing = try generator().generate(prompt: prompt, sampling: SamplingOptions(), seed: 1, maxTokens: 0)
        #expect(nothing.tokens.isEmpty)
        #expect(nothing.stopReason == .length)
    }

    @Test func aStopStringEndsTheTextBeforeItself() throws {
        let whole = try generator().generate(prompt: prompt, sampling: SamplingOptions(), seed: 1, maxTokens: 20)
        let stop = String(whole.text.dropFirst(3).prefix(2))
        let cut = try generator().generate(
            prompt: prompt, sampling: SamplingOptions(), seed: 1, maxTokens: 20, stops: [stop])
        #expect(cut.stopReason == .stopString)
        #expect(!cut.text.contains(stop))
        #expect(whole.text.hasPrefix(cut.text))
        #expect(cut.tokens.count < whole.tokens.count)
    }

    @Test func cancellingEndsItAtOnce() throws {
        var asked = 0
        let cancelled = try generator().generate(
            prompt: prompt, sampling: SamplingOptions(), seed: 1, maxTokens: 50,
            isCancelled: {
                asked += 1
                return asked > 5
            })
        #expect(cancelled.stopReason == .cancelled)
        #expect(cancelled.tokens.count == 4)
        let early = try generator().generate(
            prompt: prompt, sampling: SamplingOptions(), seed: 1, maxTokens: 50, isCancelled: { true })
        #expect(early.stopReason == .cancelled)
        #expect(early.tokens.isEmpty)
    }

    @Test func theNextTurnReusesWhatTheLastOneLeft() throws {
        let generator = try generator()
        let first = try generator.generate(prompt: prompt, sampling: SamplingOptions(), seed: 1, maxTokens: 5)
        let next = prompt + first.tokens + [50, 51]
        let second = try generator.generate(prompt: next, sampling: SamplingOptions(), seed: 1, maxTokens: 5)
        #expect(second.reusedTokens == prompt.count + first.tokens.count - 1)
        let fresh = try self.generator().generate(prompt: next, sampling: SamplingOptions(), seed: 1, maxTokens: 5)
        #expect(second.tokens == fresh.tokens)
        #expect(fresh.reusedTokens == 0)
    }

    @Test func theRealModelKnowsTheCapitalOfFrance() throws {
        let model = try ModelFixtures.base.get()
        let tokenizer = try Tokenizer(model.tokenizerDefinition)
        let template = ChatTemplate(for: model.tokenizerDefinition)
        let messages = [ChatMessage(role: .user, content: "What is the capital of France?")]
        let ids = template.tokens(messages, addGenerationPrompt: true, tokenizer: tokenizer).ids
        #expect(ids.count == 37)
        let generator = Generator(
            decoder: Decoder(model: model, adapters: [], contextLength: 128), tokenizer: tokenizer)
        var greedy = SamplingOptions()
        greedy.temperature = 0
        let answer = try generator.generate(prompt: ids, sampling: greedy, seed: 0, maxTokens: 16)
        #expect(answer.text == "The capital of France is Paris.")
        #expect(answer.tokens == [504, 3575, 282, 4649, 314, 7042, 30])
        #expect(answer.stopReason == .endOfTurn)
    }
}
