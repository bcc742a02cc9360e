// Attune
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AttuneVault

struct VersionReferenceTests {
    @Test(arguments: [
        ("notes", VersionReference.Selector.head), ("notes@3", .number(3)), ("notes@-1", .back(1)),
        ("notes:best", .label("best")), ("notes:live", .head),
    ])
    func whatPeopleTypeIsRead(text: String, selector: VersionReference.Selector) throws {
        #expect(try VersionReference(text) == VersionReference(adapter: "notes", selector: selector))
    }

    @Test(arguments: [
        "", "@3", ":x", "notes@", "notes@0", "notes@-0", "notes@+3", "notes@--1", "notes@x", "notes@3x",
        "notes@99999999999999999999", "notes:", "notes:base", "a b", "a/b", "../x", "-x", ".x", "base", "live",
        "notes@٣", "a\u{0}b", "a\nb", "notes:a:b", "notes@3:best", String(repeating: "a", count: 65),
    ])
    func anythingElseIsRefused(text: String) {
        #expect(failure { try VersionReference(text) }?.failureCode == "E-VAULT-024")
    }

    @Test(arguments: ["notes", "notes@3", "notes@-2", "notes:best"])
    func aReferenceIsWrittenAsItIsRead(text: String) throws {
        #expect(try VersionReference(text).description == text)
    }

    @Test func namesHaveOneSpelling() throws {
        #expect(try VersionReference("cafe\u{301}") == VersionReference("caf\u{e9}"))
        #expect(AdapterName.normalized("cafe\u{301}")?.unicodeScalars.count == 4)
    }
}
