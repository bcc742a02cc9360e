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

    private static let places = MailboxLimits.strangerBytes / MailboxLimits.emptyBytes
    private static let member = Payer(SyntheticDevice().id, of: .random())

    @Test("strangers of thousands of networks take each other's places and none of those kept for devices, in memory")
    func placesOfDevices() async throws {
        let mailboxes = MemoryMailboxes()
        // One of each network: nobody has more than anybody, so that nobody gives way.
        for number in 0..<Self.places {
            _ = try await mailboxes.open(for: Self.stranger("\(number / 250 + 1).\(number % 250).0.1"), claim: nil)
        }
        try await expectPlacesOfDevices(mailboxes)
    }

    @Test("and in PostgreSQL", .enabled(if: PostgresServer.absence == nil)) func placesOfDevicesInPostgres()
        async throws
    {
        let server = try PostgresServer()
        let mailboxes = try await SQLRelayStore.postgres(server.address, schema: "places").mailboxes
        try server.execute(
            """
            INSERT INTO places.mailboxes (nameplate, ends, old_claim, opener_group, opener)
            SELECT 100 + number, \(Int64.max), '', int4send(number), int4send(number)
            FROM generate_series(0, \(Self.places - 1)) number
            """)
        try await expectPlacesOfDevices(mailboxes)
    }

    private func expectPlacesOfDevices(_ mailboxes: any Mailboxes) async throws {
        await #expect(throws: RelayError.self, "a stranger comes when all places are taken") {
            try await mailboxes.open(for: Self.stranger("250.250.0.1"), claim: nil)
        }
        let (name, _) = try await mailboxes.open(for: Self.member, claim: Self.claim("d"))
        for side in MailboxSide.allCases {
            try await mailboxes.append([1, 2, 3], to: name, side: side, claim: Self.claim("d"))
            #expect(try await mailboxes.read(name, side: side, after: 0).messages == [[1, 2, 3]])
        }
        // Other devices too, up to what one may have open.
        for _ in 1..<MailboxLimits.openEach { _ = try await mailboxes.open(for: Self.member, claim: nil) }
        await #expect(throws: RelayError.self) { try await mailboxes.open(for: Self.member, claim: nil) }
        _ = try await mailboxes.open(for: Payer(SyntheticDevice().id, of: .random()), claim: nil)
    }

    @Test("a device that signs gets one of its places though strangers have used up the ration of its address")
    func signedOpening() async throws {
        let relay = try RelayProcess(limits: true, options: ["--unauthenticated-per-minute", "3"])
        let fixture = try await RelayFixture(relay)
        let stranger = RelayClient(relay)
        var last = 0
        for _ in 0..<30 where last != 429 { last = try await stranger.send("POST", "/v1/rendezvous").status }
        #expect(last == 429)
        let path = "/v1/rendezvous?circle=\(fixture.circle.id)"
        #expect(try await fixture.client.send("POST", path).status == 201)
        // To name a circle is not enough.
        #expect(try await stranger.send("POST", path).status == 429)
        let other = RelayClient(relay, device: SyntheticDevice(), circle: fixture.circle.id)
        #expect(try await other.send("POST", path).status == 429)
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
        for payer in [Self.stranger("10.2.0.1"), Payer(SyntheticDevice().id, of: .random())] {
            let (name, _) = try await mailboxes.open(for: payer, claim: Self.claim("b"))
            for side in MailboxSide.allCases {
                try await mailboxes.append(message, to: name, side: side, claim: Self.claim("b"))
            }
            #expect(try await mailboxes.read(name, side: .new, after: 0).messages == [message])
        }
    }
}
