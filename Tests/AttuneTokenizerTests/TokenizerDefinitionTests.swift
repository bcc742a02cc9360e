// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import Testing

@testable import AttuneTokenizer

/// Definitions as a broken or hostile file may hold them.
@Suite struct TokenizerDefinitionTests {
    private func code(_ change: (inout TokenizerDefinition) -> Void) -> String? {
        var definition = TestVocabulary.bytes()
        change(&definition)
        do {
            _ = try Tokenizer(definition)
            return nil
        } catch let error as any AttuneError {
            #expect(error.exitStatus == .invalidData)
            #expect(error.remedy != nil)
            return error.code
        } catch {
            return "\(error)"
        }
    }

    @Test func whatCannotBeUsedIsRefusedWithItsCode() {
        #expect(code { _ in } == nil)
        #expect(code { $0.model = "bert" } == "E-TOKEN-001")
        #expect(code { $0.pre = "unheard-of" } == "E-TOKEN-002")
        #expect(
            code {
                $0.tokens = []
                $0.types = []
            } == "E-TOKEN-003")
        #expect(code { $0.types.removeLast() } == "E-TOKEN-004")
        #expect(code { $0.scores = [1] } == "E-TOKEN-004")
        #expect(code { $0.bos = 256 } == "E-TOKEN-005")
        #expect(code { $0.eos = -1 } == "E-TOKEN-005")
        #expect(code { $0.padding = .max } == "E-TOKEN-005")
        for merge in ["", " ", "ab", "a ", " b", "  "] { #expect(code { $0.merges = [merge] } == "E-TOKEN-006") }
        #expect(
            code {
                $0.tokens[7] = String(repeating: "<", count: 2000)
                $0.types[7] = 3
            } == "E-TOKEN-008")
        #expect(code { $0.types[3] = 77 } == "E-TOKEN-009")
    }

    @Test func oddVocabulariesWork() throws {
        var definition = TestVocabulary.bytes()
        definition.tokens += ["", "a", "e\u{301}", "\u{E9}", "日", "\u{0}", "\u{10FFFF}\u{301}", "<0xZZ>"]
        definition.types += [1, 1, 1, 4, 3, 6, 2, 5]
        definition.merges = ["a b", "a b", "ab c", "日 本", "x y", "Ġ Ġ", "Ġ ĠĠ"]
        definition.tokens.append("ab")
        definition.types.append(1)
        let tokenizer = try Tokenizer(definition)
        // Of two tokens with one spelling the last counts; "abc" and "xy" are no tokens and come apart again.
        let ids = tokenizer.encode("abcxy   \u{E9}e\u{301}")
        #expect(ids == [257, 98, 99, 120, 121, 32, 32, 32, 259, 101, 0xCC, 0x81])
        #expect(tokenizer.decode(ids) == "abcxy   \u{E9}e\u{301}")
        #expect(tokenizer.endOfDocument == 0)
    }

    @Test func tokensThatDifferOnlyInNormalFormAreDifferent() throws {
        var definition = TestVocabulary.bytes()
        definition.tokens += ["<e\u{301}>", "<\u{E9}>"]
        definition.types += [3, 3]
        let tokenizer = try Tokenizer(definition)
        #expect(tokenizer.encode("<e\u{301}>", special: .parsed) == [256])
        #expect(tokenizer.encode("<\u{E9}>", special: .parsed) == [257])
        #expect(tokenizer.id(of: "<\u{E9}>") == 257)
    }

    @Test func bytesTheVocabularyLacksAreLeftOut() throws {
        var definition = TokenizerDefinition(model: "gpt2", tokens: ["<end>", "a"])
        definition.types = [3, 1]
        definition.unknown = 0
        definition.pre = "gpt-2"
        #expect(try Tokenizer(definition).encode("abab") == [1, 1])
    }

    @Test func wholePiecesAreTakenWithoutMergingWhereTheFamilySaysSo() throws {
        var definition = TestVocabulary.bytes(pre: "llama-bpe")
        definition.tokens.append("abc")
        definition.types.append(1)
        #expect(try Tokenizer(definition).encode("abc") == [256])
        definition.pre = "qwen2"
        #expect(try Tokenizer(definition).encode("abc") == [97, 98, 99])
    }

    @Test func theFirstOfTwoEqualMergesCounts() throws {
        var definition = TestVocabulary.bytes()
        definition.tokens += ["ab", "bc"]
        definition.types += [1, 1]
        definition.merges = ["b c", "a b", "b c"]
        #expect(try Tokenizer(definition).encode("abc") == [97, 257])
        definition.merges = ["a b", "b c"]
        #expect(try Tokenizer(definition).encode("abc") == [256, 99])
    }

    @Test func shortAndLongPiecesMergeAlike() throws {
        var definition = TestVocabulary.bytes()
        definition.tokens += ["ab", "ba", "aab", "abab", "bb"]
        definition.types += [1, 1, 1, 1, 1]
        definition.merges = ["a b", "b a", "a ab", "ab ab", "b b"]
        let tokenizer = try Tokenizer(definition)
        var random = SyntheticRandom(seed: 5)
        for _ in 0..<100 {
            let word = String(
                (0..<Int.random(in: 49..<90, using: &random)).map { _ in Bool.random(using: &random) ? "a" : "b" })
            #expect(tokenizer.encode(word) == merged(word, definition))
        }
    }

    @Test func randomDefinitionsAreRefusedOrWork() {
        var random = SyntheticRandom(seed: 6)
        var usable = 0
        for _ in 0..<300 {
            let definition = randomDefinition(&random)
            guard let tokenizer = try? Tokenizer(definition) else { continue }
            usable += 1
            for _ in 0..<5 {
                let text = random.text(length: 12) + (definition.tokens.randomElement(using: &random) ?? "")
                let ids = tokenizer.encode(text, special: .parsed, addBOS: true)
                _ = tokenizer.decode(ids, keepSpecial: true)
                #expect(tokenizer.encode(text).allSatisfy { !tokenizer.isControl($0) || definition.model == "llama" })
                _ = ChatTemplate(for: definition).tokens(
                    [ChatMessage(role: .assistant, content: text)], addGenerationPrompt: true, tokenizer: tokenizer)
            }
        }
        #expect(usable > 20)
    }

    private func randomDefinition(_ random: inout SyntheticRandom) -> TokenizerDefinition {
        let model = ["gpt2", "llama"].randomElement(using: &random) ?? "gpt2"
        let count = Int.random(in: 0..<40, using: &random)
        let tokens = (0..<count).map { _ in random.text(length: Int.random(in: 0..<4, using: &random)) }
        var definition = TokenizerDefinition(model: model, tokens: tokens)
        definition.pre = PreTokenizer.names.randomElement(using: &random)
        if Bool.random(using: &random) {
            definition.types = tokens.map { _ in Int32.random(in: 0...6, using: &random) }
        }
        if Bool.random(using: &random) {
            definition.scores = tokens.map { _ in Float.random(in: -9...9, using: &random) }
        }
        definition.merges = (0..<count).map { _ in
            "\(tokens.randomElement(using: &random) ?? "a") \(tokens.randomElement(using: &random) ?? "b")"
        }
        if Bool.random(using: &random) { definition.merges = [] }
        let last = Int32(count)
        definition.bos = Bool.random(using: &random) ? Int32.random(in: 0...last, using: &random) : nil
        definition.unknown = Bool.random(using: &random) ? Int32.random(in: 0...last, using: &random) : nil
        return definition
    }

    @Test func aHundredThousandTokensAreReadInReasonableTime() throws {
        var definition = TestVocabulary.bytes()
        definition.tokens += (0..<100_000).map { "t\($0)" }
        definition.types = []
        #expect(try Tokenizer(definition).vocabularySize == 100_256)
    }

    /// Merges by the definition itself: the lowest rank, leftmost, until none is left.
    private func merged(_ word: String, _ definition: TokenizerDefinition) -> [Int32] {
        var parts = word.map { String($0) }
        while true {
            let pairs = zip(parts, parts.dropFirst()).map { "\($0) \($1)" }
            guard let merge = definition.merges.first(where: { pairs.contains($0) }),
                let place = pairs.firstIndex(of: merge)
            else { break }
            parts[place] += parts.remove(at: place + 1)
        }
        return parts.compactMap { part in definition.tokens.lastIndex(of: part).map { Int32($0) } }
    }
}
