// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import Testing

@testable import AttuneCrypto

@Suite struct PairingCodeTests {
    @Test func theListHas256ShortWordsToldApartByThreeLetters() {
        let words = CodeWordList.words
        #expect(words.count == 256)
        #expect(words == words.sorted())
        #expect(Set(words.map { $0.prefix(3) }).count == 256)
        #expect(words.allSatisfy { (3...8).contains($0.count) && $0.utf8.allSatisfy { (97...122).contains($0) } })
    }

    @Test func aCodeSurvivesTheRoundTripAndIsFresh() throws {
        var seen: Set<String> = []
        for _ in 0..<50 {
            let code = try PairingCode(nameplate: "1234")
            #expect(try PairingCode(parsing: code.description) == code)
            seen.insert(code.description)
        }
        #expect(seen.count > 45)
    }

    @Test(arguments: [
        "7-otter-lantern-cedar", "7 otter lantern cedar", "7 OTTER  Lantern\tCedar\n", " 7 - ott - LAN - ced ",
        "7–otter–lantern–cedar",
    ])
    func caseDashesSpacesAndBeginningsAreTaken(_ text: String) throws {
        let code = try PairingCode(parsing: text)
        #expect(code.description == "7-otter-lantern-cedar")
        #expect(code.password == Array("otter-lantern-cedar".utf8))
    }

    @Test func otherShapesAndWordsAreRefusedWithoutBeingRepeated() {
        for text in [
            "", "7", "otter-lantern-cedar", "7-otter-lantern", "7-otter-lantern-cedar-otter",
            "12345-otter-lantern-cedar",
            "x-otter-lantern-cedar", "-7-", "٧-otter-lantern-cedar", String(repeating: "7-otter", count: 100),
        ] {
            #expect(errorCode { _ = try PairingCode(parsing: text) } == "E-CODE-001")
        }
        for word in ["ot", "otterz", "zzz", "öttér", ""] {
            let text = "7-otter-\(word.isEmpty ? "lantan" : word)-cedar"
            #expect(errorCode { _ = try PairingCode(parsing: text) } == "E-CODE-002")
        }
        #expect(errorCode { _ = try PairingCode(nameplate: "12a") } == "E-CODE-001")
    }

    @Test func theContextNamesRelayAndNumber() throws {
        let code = try PairingCode(parsing: "7-otter-lantern-cedar")
        let contexts = [
            code.context(authority: "relay.example"), code.context(authority: nil),
            try PairingCode(parsing: "8-otter-lantern-cedar").context(authority: "relay.example"),
        ]
        #expect(Set(contexts).count == 3)
        #expect(contexts[0] == code.context(authority: "Relay.Example"))
        #expect(
            contexts[0]
                == [14] + Array("attune/pair/v1".utf8) + [13] + Array("relay.example".utf8) + [1, 55, 10]
                + Array("old-device".utf8) + [10] + Array("new-device".utf8))
    }

    @Test func aSafetyNumberIsTheSameFromBothSidesAndHasSixtyDigits() throws {
        let one = CircleID.filled(1)
        let other = CircleID.filled(2)
        let number = SafetyNumber(one, other)
        #expect(number == SafetyNumber(other, one))
        #expect(number.groups.count == 12)
        #expect(number.groups.allSatisfy { $0.count == 5 })
        #expect(number != SafetyNumber(one, one))
    }
}
