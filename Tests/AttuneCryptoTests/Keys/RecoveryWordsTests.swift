// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Testing

@Suite struct RecoveryWordsTests {
    struct Vectors: Decodable {
        struct Item: Decodable {
            let entropy: HexBytes
            let words: String
        }
        let recovery: [Item]
    }

    static let zero = Array(repeating: "abandon", count: 23) + ["art"]

    @Test func wordsAgreeWithTheVectorsBothWays() throws {
        for item in try SchemaVectors.load("vault-file", as: Vectors.self).recovery {
            let made = RecoveryWords(entropy: item.entropy.secret)
            #expect(made.words.joined(separator: " ") == item.words)
            let read = try RecoveryWords(words: item.words)
            let (one, other) = (read.subkey(id: 1).exposed, made.subkey(id: 1).exposed)
            #expect(one == other)
        }
    }

    @Test func zeroEntropyIsAbandonAndArt() {
        #expect(RecoveryWords(entropy: SecretBytes(count: 32)).words == Self.zero)
    }

    @Test func caseNumbersAndLineBreaksDoNotMatter() throws {
        let text = Self.zero.enumerated().map { "\($0 + 1). \($1.uppercased())\n" }.joined()
        #expect(try RecoveryWords(words: text).words == Self.zero)
    }

    @Test func freshWordsSurviveTheRoundTrip() throws {
        for _ in 0..<20 {
            let words = RecoveryWords.random().words
            #expect(words.count == 24)
            #expect(try RecoveryWords(words: words.joined(separator: " ")).words == words)
        }
    }

    @Test func aWordTooFewAndAWrongOrderAreRefused() {
        #expect(errorCode { _ = try RecoveryWords(words: "abandon art") } == "E-KEY-010")
        #expect(errorCode { _ = try RecoveryWords(words: "") } == "E-KEY-010")
        let swapped = ["art"] + Self.zero.dropLast()
        #expect(errorCode { _ = try RecoveryWords(words: swapped.joined(separator: " ")) } == "E-KEY-012")
    }

    @Test func aTypoIsAnsweredWithThePlaceAndTheNearestWord() throws {
        var words = Self.zero
        words[6] = "abandn"
        do {
            _ = try RecoveryWords(words: words.joined(separator: " "))
            Issue.record("a typo was taken")
        } catch let error as CryptoError {
            #expect(error.code == "E-KEY-011")
            #expect(error.message.contains("word 7"))
            #expect(error.remedy?.contains("abandon") == true)
            #expect(!error.description.contains("abandn"))
        }
    }
}
