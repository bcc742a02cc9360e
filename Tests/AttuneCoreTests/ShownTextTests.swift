// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Testing

@Suite struct ShownTextTests {
    @Test func textStaysOnItsLine() {
        #expect(ShownText.line("Grüße, 日本 🙂") == "Grüße, 日本 🙂")
        #expect(ShownText.line("a\nb\r\u{1B}[2K\tc") == "a\\u{a}b\\u{d}\\u{1b}[2K\\u{9}c")
        #expect(ShownText.line("\u{202E}\u{2028}\u{200B}") == "\\u{202e}\\u{2028}\\u{200b}")
    }

    @Test func namesArePlainAndBounded() {
        #expect(ShownText.isName("notes", limit: 5))
        #expect(!ShownText.isName("notes", limit: 4))
        #expect(!ShownText.isName("", limit: 4))
        for bad in ["a\nb", "a\u{85}", "a\u{2029}", "\u{FEFF}a", "a\u{7}"] {
            #expect(!ShownText.isName(bad, limit: 64))
        }
    }

    /// A device that is called as another one, to the eye.
    @Test func namesThatDifferLookDifferent() {
        let blanks: [Unicode.Scalar] = [
            "\u{A0}", "\u{2003}", "\u{202F}", "\u{3000}", "\u{2800}", "\u{200B}", "\u{200D}", "\u{2060}", "\u{FEFF}",
            "\u{AD}", "\u{34F}", "\u{61C}", "\u{115F}", "\u{1160}", "\u{3164}", "\u{FFA0}", "\u{17B4}", "\u{180B}",
            "\u{FE0F}", "\u{E0100}", "\u{E0041}", "\u{202E}", "\u{2066}",
        ]
        for blank in blanks {
            for name in ["desk\(blank)", "\(blank)desk", "de\(blank)sk", "\(blank)"] {
                #expect(!ShownText.isName(name, limit: 64), "U+\(String(blank.value, radix: 16))")
            }
        }
        for name in [" ", "desk ", " desk", "the  desk"] { #expect(!ShownText.isName(name, limit: 64), "'\(name)'") }
        for name in ["the desk", "Büro", "机", "bureau d’été", "desk 🙂", "e\u{301}tage"] {
            #expect(ShownText.isName(name, limit: 64), "\(name)")
        }
        #expect(ShownText.line("desk\u{3164}\u{34F}") == "desk\\u{3164}\\u{34f}")
        #expect(ShownText.line("❤\u{FE0F} à\u{A0}deux") == "❤\u{FE0F} à\u{A0}deux")
    }

    @Test func errorsSayWhatOthersWroteOnOneLine() {
        struct Foreign: AttuneError {
            let code = "E-TEST-001"
            let message = "a\nE-TEST-002 b"
            let remedy: String? = "do\nthis"
            let exitStatus = ExitStatus.failure
        }
        #expect("\(Foreign())" == "E-TEST-001 a\\u{a}E-TEST-002 b\n  do\\u{a}this")
    }
}
