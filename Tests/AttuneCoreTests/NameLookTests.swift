// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Testing

@Suite struct NameLookTests {
    @Test(arguments: [
        ("desk", "d\u{435}sk"), ("desk", "des\u{43A}"), ("desk", "\u{FF44}\u{FF45}\u{FF53}\u{FF4B}"),
        ("desk", "\u{1D41D}esk"), ("desk", "de\u{301}sk"), ("desk", "d\u{1EB9}sk"), ("notes", "n\u{3BF}tes"),
        ("notes", "n\u{585}t\u{435}s"), ("laptop", "1apt0p"), ("O2", "02"), ("Ida", "lda"),
        ("стол", "\u{441}\u{442}o\u{43B}"), ("工", "エ"), ("a-b", "a\u{2010}b"), ("rot", "г\u{3BF}т"),
        ("7Q2K-M4XA", "7Q2K\u{2013}M4\u{425}\u{410}"), ("Stra\u{DF}e", "Stra\u{3B2}e"),
    ])
    func namesThatLookTheSameAreTheSame(_ pair: (String, String)) {
        #expect(pair.0 != pair.1)
        #expect(NameLook(pair.0) == NameLook(pair.1), "\(ShownText.spelled(pair.1))")
    }

    /// Nobody's name is another's because of its script.
    @Test(arguments: [
        ("desk", "desks"), ("desk", "disk"), ("modern", "modem"), ("the desk", "desk"), ("кухня", "кузня"), ("机", "桌"),
        ("desk-2", "desk-3"), ("Desk", "desk"), ("กิน", "กัน"), ("कुल", "कूल"), ("서울", "서월"), ("🙂", "🙃"),
    ])
    func otherNamesStayApart(_ pair: (String, String)) {
        #expect(NameLook(pair.0) != NameLook(pair.1), "\(pair)")
    }

    @Test func aSpelledTextShowsWhichLettersItHas() {
        #expect(ShownText.spelled("n\u{43E}tes-2") == "n\\u{43e}tes-2")
    }
}
