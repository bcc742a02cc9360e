// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Testing

@testable import AttuneTokenizer

@Suite struct SentencePieceTests {
    // Ids from 259 on, in this order.
    private static let pieces: [(String, Float)] = [
        ("▁", -10), ("h", -11), ("e", -12), ("l", -13), ("o", -14), ("he", -1), ("ll", -2), ("hell", -3),
        ("▁hell", -4), ("o▁", -5), ("lo", -1.5), ("é", -20),
    ]

    private func tokenizer(_ change: (inout TokenizerDefinition) -> Void = { _ in }) throws -> Tokenizer {
        var definition = TestVocabulary.sentencePiece(Self.pieces)
        change(&definition)
        return try Tokenizer(definition)
    }

    @Test func thePairOfTheHighestScoreMergesFirst() throws {
        // "he" (−1) first, then "lo" (−1.5) before "ll" (−2) can form: ▁ he l lo.
        #expect(try tokenizer().encode("hello") == [259, 264, 262, 269])
        // Without the o: he, ll, hell, ▁hell.
        #expect(try tokenizer().encode("hell") == [267])
    }

    @Test func equalScoresMergeFromTheLeft() throws {
        // l·l·l: both pairs have the same score, so the left one is made.
        #expect(try tokenizer { $0.addsSpacePrefix = false }.encode("lll") == [265, 262])
    }

    @Test func aSpaceIsPutBeforeATextAndAfterSpecialTokens() throws {
        let tokenizer = try tokenizer()
        #expect(tokenizer.encode("he</s>he", special: .parsed) == [259, 264, 2, 259, 264])
        #expect(tokenizer.encode("").isEmpty)
        #expect(try self.tokenizer { $0.addsSpacePrefix = false }.encode("he") == [264])
    }

    @Test func charactersOutsideTheVocabularyBecomeBytes() throws {
        let tokenizer = try tokenizer()
        let bytes: [Int32] = [0xE6, 0x97, 0xA5, 0x0A]
        let ids = [259, 270] + bytes.map { $0 + 3 }
        #expect(tokenizer.encode("é日\n") == ids)
        #expect(tokenizer.decode(tokenizer.encode("é日\n")) == "é日\n")
    }

    @Test func withoutByteTokensACharacterIsOneUnknownToken() throws {
        var definition = TokenizerDefinition(model: "llama", tokens: ["<unk>", "▁", "a"])
        definition.types = [2, 1, 1]
        definition.unknown = 0
        definition.scores = [0, 0, 0]
        #expect(try Tokenizer(definition).encode("a日a") == [1, 2, 0, 2])
    }

    @Test func decodingDropsTheOneSpaceThatEncodingAdded() throws {
        let tokenizer = try tokenizer()
        for text in ["hello", " hello", "  he  llo ", "", "日 é"] {
            #expect(tokenizer.decode(tokenizer.encode(text)) == text)
        }
        var stream = StreamingDecoder(tokenizer, stops: [])
        #expect(tokenizer.encode("hello").map { stream.append($0) }.joined() + stream.finish() == " hello")
    }

    @Test func randomTextsComeBack() throws {
        let tokenizer = try tokenizer()
        var random = SyntheticRandom(seed: 9)
        for _ in 0..<50 {
            let text = random.text(length: 30)
            #expect(tokenizer.decode(tokenizer.encode(text)).utf8.elementsEqual(text.utf8))
        }
    }

    @Test func typedMarkersStayText() throws {
        let tokenizer = try tokenizer()
        #expect(!tokenizer.encode("he</s><s><unk><0x41>").contains { tokenizer.isControl($0) })
        #expect(tokenizer.decode(tokenizer.encode("<0x41>")) == "<0x41>")
        #expect(tokenizer.addsBOS)
        #expect(tokenizer.endOfGeneration == [2])
    }

    @Test func scoresThatAreNoNumbersAreRefused() throws {
        #expect(throws: TokenizerError.self) { try tokenizer { $0.scores[5] = .nan } }
        #expect(throws: TokenizerError.self) { try tokenizer { $0.scores.removeLast() } }
        #expect(try tokenizer { $0.scores[264] = -.infinity }.encode("hell").isEmpty == false)
    }
}
