// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import Testing

@testable import AttuneTokenizer

@Suite struct PreTokenizerTests {
    private func pieces(_ name: String, _ text: String) throws -> [String] {
        let bytes = Array(text.utf8)
        let scanned = ScannedText(bytes, 0..<bytes.count)
        var start = 0
        return try PreTokenizer(named: name).ends(scanned).map { end in
            defer { start = end }
            return String(decoding: bytes[scanned.offsets[start]..<scanned.offsets[end]], as: UTF8.self)
        }
    }

    @Test func splitsEqualThoseOfARegularExpressionEngine() throws {
        for (name, expected) in SplitVectors.lengths {
            for (text, lengths) in zip(SplitVectors.texts, expected) {
                let found = try pieces(name, text).map { String($0.unicodeScalars.count, radix: 36) }.joined()
                #expect(found == lengths, "\(name) \(text.debugDescription)")
            }
        }
    }

    @Test func smolLMTakesEveryDigitAloneAndWithoutItsSpace() throws {
        #expect(try pieces("smollm", "in 2024 x") == ["in", " ", "2", "0", "2", "4", " x"])
    }

    @Test func gpt2KeepsOneSpaceWithTheWordAndKnowsOnlyLowerCaseContractions() throws {
        #expect(try pieces("gpt-2", "I'll  WE'LL 42") == ["I", "'ll", " ", " WE", "'", "LL", " 42"])
    }

    @Test func llama3TakesThreeDigitsAndLetsOneSignBeginAWord() throws {
        #expect(
            try pieces("llama-bpe", "WE'LL (see) 12345\n\n x") == [
                "WE", "'LL", " (", "see", ")", " ", "123", "45", "\n\n", " x",
            ])
    }

    @Test func qwen2TakesOneDigit() throws {
        #expect(try pieces("qwen2", "a 123") == ["a", " ", "1", "2", "3"])
    }

    @Test func tekkenCutsWhereUpperCaseBeginsAWord() throws {
        #expect(try pieces("tekken", "HelloWorld XMLHttp a//b") == ["Hello", "World", " XMLHttp", " a", "//", "b"])
    }

    @Test func gpt4oKeepsAContractionWithItsWord() throws {
        #expect(try pieces("gpt-4o", "it's DON'T 12345") == ["it's", " DON'T", " ", "123", "45"])
    }

    @Test func aliasesSplitAsTheirFamily() throws {
        for name in PreTokenizer.names { _ = try PreTokenizer(named: name) }
        #expect(try pieces("starcoder", "a 12") == pieces("smollm", "a 12"))
        #expect(try pieces("llama3", "a 12345") == pieces("llama-bpe", "a 12345"))
    }

    @Test func piecesAlwaysMakeTheWholeText() throws {
        var random = SyntheticRandom(seed: 3)
        for name in PreTokenizer.names {
            for _ in 0..<20 {
                let text = random.text(length: 60)
                #expect(try pieces(name, text).joined() == text)
            }
            #expect(try pieces(name, "").isEmpty)
        }
    }

    @Test func anUnknownNameIsAnErrorThatListsTheKnownOnes() throws {
        let error = #expect(throws: TokenizerError.self) { try PreTokenizer(named: "no-such\u{1B}[2J") }
        #expect(error?.code == "E-TOKEN-002")
        #expect(error?.remedy?.contains("smollm") == true)
        #expect(error?.message.contains("\u{1B}") == false)
    }
}
