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
