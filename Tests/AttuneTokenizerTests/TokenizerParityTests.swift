// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import AttuneTokenizer
import Foundation
import Testing

/// The same ids as llama.cpp and transformers on the real base.
@Suite struct TokenizerParityTests {
    private struct Vectors: Decodable {
        struct Case: Decodable {
            let text: String
            let ids: [Int32]
        }
        let cases: [Case]
    }

    @Test func idsEqualThoseOfThePeers() throws {
        let tokenizer = try SmolLM2.tokenizer
        let data = try Data(contentsOf: TestBase.vectors.appending(path: "tokenizer.json"))
        let vectors = try JSONDecoder().decode(Vectors.self, from: data)
        #expect(!vectors.cases.isEmpty)
        for vector in vectors.cases {
            #expect(tokenizer.encode(vector.text, special: .parsed) == vector.ids, "\(vector.text.debugDescription)")
            #expect(tokenizer.decode(vector.ids, keepSpecial: true) == vector.text)
        }
    }

    @Test func idsEqualThoseOfAnIndependentImplementation() throws {
        let tokenizer = try SmolLM2.tokenizer
        for (text, ids) in Self.independent {
            #expect(tokenizer.encode(text, special: .parsed) == ids, "\(text.debugDescription)")
        }
    }

    @Test func thePromptOfTheForwardTestHasItsThirtySevenTokens() throws {
        let template = ChatTemplate(for: try SmolLM2.definition.get())
        let prompt = template.tokens(
            [ChatMessage(role: .user, content: "What is the capital of France?")], addGenerationPrompt: true,
            tokenizer: try SmolLM2.tokenizer)
        #expect(prompt.ids.count == 37)
        #expect(prompt.trained.allSatisfy { !$0 })
        let answer: [Int32] = [504, 3575, 282, 4649, 314, 7042, 30, 2]
        #expect(try SmolLM2.tokenizer.decode(answer) == "The capital of France is Paris.")
    }

    private static let independent: [(String, [Int32])] = [
        ("Hello world", [19556, 905]),
        ("Hello, world!\n", [19556, 28, 905, 17, 198]),
        (" Hello", [38699]),
        (
            "In 2024, 3.14 + 15 = 18.14",
            [788, 216, 34, 32, 34, 36, 28, 216, 35, 30, 33, 36, 1232, 216, 33, 37, 446, 216, 33, 40, 30, 33, 36]
        ),
        ("don't WON'T we'll", [12420, 982, 408, 2154, 23, 68, 392, 3060]),
        ("  two  spaces   end  ", [216, 827, 216, 5600, 256, 1112, 256]),
        (
            "\n\n\tdef f(x):\n    return x**2\n",
            [1116, 197, 1604, 275, 24, 104, 727, 472, 1003, 1792, 828, 34, 198]
        ),
        ("x 1", [104, 216, 33]),
        ("naïve café — “quotes”", [3546, 46494, 37366, 1841, 619, 385, 2346, 573]),
        ("日本語テスト", [23274, 115, 40993, 179, 120, 248, 11100, 224, 10391, 134, 11100, 226]),
        ("🙂👍🏽", [10813, 38887, 10813, 235, 231, 10813, 233, 138]),
        ("\r\n\r\n", [18682]),
        ("", []),
        ("<|im_start|>user\nHi<|im_end|>\n", [1, 4093, 198, 26843, 2, 198]),
        ("The quick brown fox jumps over the lazy dog.", [504, 2365, 6354, 16438, 27003, 690, 260, 23790, 2767, 30]),
    ]
}
