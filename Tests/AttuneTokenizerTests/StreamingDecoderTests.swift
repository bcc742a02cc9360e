// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTokenizer
import Testing

@Suite struct StreamingDecoderTests {
    private func run(_ text: String, stops: [String]) throws -> (parts: [String], rest: String, stopped: Bool) {
        let tokenizer = try SmolLM2.tokenizer
        var decoder = StreamingDecoder(tokenizer, stops: stops)
        let parts = tokenizer.encode(text).map { decoder.append($0) }
        let rest = decoder.finish()
        return (parts, rest, decoder.stopped)
    }

    @Test func noPartEndsInsideACharacter() throws {
        let (parts, rest, _) = try run("🙂👍🏽 日本語テスト", stops: [])
        #expect((parts + [rest]).joined() == "🙂👍🏽 日本語テスト")
        #expect(parts.allSatisfy { !$0.unicodeScalars.contains("\u{FFFD}") })
        #expect(parts.contains(""))
    }

    @Test func textEndsBeforeAStopStringThatSpansTokens() throws {
        let (parts, rest, stopped) = try run("Hello there\n\nUser: more", stops: ["\nUser:", "zzz"])
        #expect((parts + [rest]).joined() == "Hello there\n")
        #expect(stopped)
    }

    @Test func theEarliestStopStringCounts() throws {
        let (parts, rest, stopped) = try run("one two three", stops: ["three", "two"])
        #expect((parts + [rest]).joined() == "one ")
        #expect(stopped)
    }

    @Test func whatOnlyBeginsAStopStringIsGivenOutAtTheEnd() throws {
        let (parts, rest, stopped) = try run("Hello\nUse", stops: ["\nUser:"])
        #expect(parts.joined() == "Hello")
        #expect(rest == "\nUse")
        #expect(!stopped)
    }

    @Test func emptyStopStringsStopNothing() throws {
        let (parts, rest, stopped) = try run("Hello", stops: [""])
        #expect((parts + [rest]).joined() == "Hello")
        #expect(!stopped)
    }

    @Test func anUnfinishedCharacterBecomesTheReplacementCharacterAtTheEnd() throws {
        let tokenizer = try SmolLM2.tokenizer
        var decoder = StreamingDecoder(tokenizer, stops: [])
        let ids = tokenizer.encode("👍🏽")
        #expect(ids.dropLast().map { decoder.append($0) }.joined() == "👍")
        #expect(decoder.finish() == "\u{FFFD}")
    }

    @Test func controlTokensWriteNothing() throws {
        var decoder = StreamingDecoder(try SmolLM2.tokenizer, stops: [])
        #expect(decoder.append(2) == "")
        #expect(decoder.append(19556) == "Hello")
        #expect(decoder.append(Int32.max) == "")
        #expect(decoder.append(-1) == "")
        #expect(decoder.finish() == "")
    }
}
