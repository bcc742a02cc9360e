// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import AttuneWire
import Testing

@testable import AttuneRelay

/// What strangers can do to the mailboxes of others, for both places that mailboxes are kept in.
@Suite("Mailboxes and strangers") struct MailboxFairnessTests {
    private static func claim(_ digit: Character) -> String { String(repeating: digit, count: 32) }
    private static func stranger(_ address: String) -> Payer { Payer(ClientAddress(address)) }

    @Test("in memory") func memory() async throws {
        try await openerHoldsItsSide(MemoryMailboxes())
        try await addressesHaveFew(MemoryMailboxes())
        try await networksGiveWay(MemoryMailboxes())
    }

    @Test("in PostgreSQL", .enabled(if: PostgresServer.absence == nil)) func postgres() async throws {
        let server = try PostgresServer()
        for (number, check) in [openerHoldsItsSide, addressesHaveFew, networksGiveWay].enumerated() {
            try await check(SQLRelayStore.postgres(server.address, schema: "mail\(number)").mailboxes)
        }
    }

    private func openerHoldsItsSide(_ mailboxes: any Mailboxes) async throws {
        let (name, _) = try await mailboxes.open(for: Self.stranger("10.1.0.1"), claim: Self.claim("a"))
        #expect((3...4).contains(name.count))
        await #expect(throws: RelayError.self, "a stranger takes the old side") {
            try await mailboxes.append([1], to: name, side: .old, claim: Self.claim("b"))
        }
        await #expect(throws: RelayError.self, "a stranger burns it") {
            try await mailboxes.burn(name, claim: Self.claim("b"))
        }
        try await mailboxes.append([1], to: name, side: .old, claim: Self.claim("a"))
        #expect(try await mailboxes.read(name, side: .old, after: 0).messages == [[1]])
        try await mailboxes.burn(name, claim: Self.claim("a"))
        #expect(try await mailboxes.read(name, side: .old, after: 0) == MailboxContent(messages: [], burnt: true))
        // Opened as Attune did before, without a claim: the first that writes holds the side, and only holders burn.
        let (older, _) = try await mailboxes.open(for: Self.stranger("10.1.0.1"), claim: nil)
        await #expect(throws: RelayError.self) { try await mailboxes.burn(older, claim: Self.claim("c")) }
        try await mailboxes.append([1], to: older, side: .old, claim: Self.claim("c"))
        try await mailboxes.burn(older, claim: Self.claim("c"))
    }

    private func addressesHaveFew(_ mailboxes: any Mailboxes) async throws {
        var names: Set<String> = []
        for _ in 0..<MailboxLimits.openEach {
            names.insert(try await mailboxes.open(for: Self.stranger("10.1.0.1"), claim: nil).nameplate)
        }
        #expect(names.count == MailboxLimits.openEach)
        await #expect(throws: RelayError.self) { try await mailboxes.open(for: Self.stranger("10.1.0.1"), claim: nil) }
        _ = try await mailboxes.open(for: Self.stranger("10.1.0.2"), claim: nil)
    }

    /// A network fills all the room with messages; an honest address still pairs, and so does a device.
    private func networksGiveWay(_ mailboxes: any Mailboxes) async throws {
        let message = [UInt8](repeating: 7, count: MailboxLimits.messageBytes)
        var names: [String] = []
        var written = 0
        var address = 0
        fill: while written < MailboxLimits.strangerBytes * 5 / 4 {
            address += 1
            for _ in 0..<MailboxLimits.openEach {
                guard
                    let name = try? await mailboxes.open(
                        for: Self.stranger("10.9.\(address / 200).\(address % 200)"), claim: Self.claim("a")
                    ).nameplate
                else { break fill }
                names.append(name)
                for side in MailboxSide.allCases {
                    for _ in 0..<MailboxLimits.messages {
                        guard
                            (try? await mailboxes.append(message, to: name, side: side, claim: Self.claim("a"))) != nil
                        else { break fill }
                        written += message.count
                    }
                }
            }
        }
        var kept = 0
        for name in names {
            for side in MailboxSide.allCases {
                let content = try? await mailboxes.read(name, side: side, after: 0)
                kept += content?.messages.reduce(0) { $0 + $1.count } ?? 0
            }
        }
        #expect(kept <= MailboxLimits.strangerBytes, "the messages of strangers have a bound")
        #expect(kept > MailboxLimits.strangerBytes / 2)
        for payer in [Self.stranger("10.2.0.1"), Payer(SyntheticDevice().id, of: SyntheticCircle.chunk().id)] {
            let (name, _) = try await mailboxes.open(for: payer, claim: Self.claim("b"))
            for side in MailboxSide.allCases {
                try await mailboxes.append(message, to: name, side: side, claim: Self.claim("b"))
            }
            #expect(try await mailboxes.read(name, side: .new, after: 0).messages == [message])
        }
    }
}
