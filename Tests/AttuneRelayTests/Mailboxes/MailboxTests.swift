// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import AttuneWire
import Foundation
import Testing

@Suite("Pairing mailboxes") struct MailboxTests {
    private static func claim(_ digit: String) -> [(String, String)] {
        [("Attune-Mailbox", String(repeating: digit, count: 32))]
    }

    private func open(_ client: RelayClient) async throws -> String {
        let opened = try await client.send("POST", "/v1/rendezvous").message(ProtoMailboxOpened.self)
        #expect((1...4).contains(opened.nameplate.count))
        #expect(opened.secondsLeft == 600)
        return "/v1/rendezvous/\(opened.nameplate)"
    }

    @Test("each side reads what the other wrote, in order, and waits for it without a signature")
    func exchange() async throws {
        let client = RelayClient(try RelayProcess())
        let path = try await open(client)
        async let first = client.send("GET", path + "/old?after=0&wait=20")
        #expect(try await client.send("POST", path + "/old", body: [1], fields: Self.claim("a")).status == 201)
        #expect(try await first.message(ProtoMailbox.self).messages == [Data([1])])
        for byte in [2, 3] as [UInt8] {
            #expect(try await client.send("POST", path + "/new", body: [byte], fields: Self.claim("b")).status == 201)
        }
        let both = try await client.send("GET", path + "/new?wait=5").message(ProtoMailbox.self)
        #expect(both.messages == [Data([2]), Data([3])])
        #expect(!both.burnt)
        #expect(try await client.send("GET", path + "/new?after=1").message(ProtoMailbox.self).messages == [Data([3])])
    }

    @Test("a second device on the same side is refused, and so is a ninth message or one of more than 16 KiB")
    func limits() async throws {
        let client = RelayClient(try RelayProcess())
        let path = try await open(client)
        let full = Array(repeating: UInt8(7), count: 16 << 10)
        #expect(try await client.send("POST", path + "/new", body: full, fields: Self.claim("a")).status == 201)
        #expect(try await client.send("POST", path + "/new", body: [1], fields: Self.claim("b")).code == "E-RELAY-019")
        #expect(try await client.send("POST", path + "/new", body: full + [1], fields: Self.claim("a")).status == 413)
        #expect(try await client.send("POST", path + "/new", body: [1]).status == 400)
        for _ in 0..<7 {
            #expect(try await client.send("POST", path + "/new", body: [1], fields: Self.claim("a")).status == 201)
        }
        #expect(try await client.send("POST", path + "/new", body: [1], fields: Self.claim("a")).code == "E-RELAY-020")
    }

    @Test("a burnt mailbox tells whoever waits, gives nothing any more, and only its sides may burn it")
    func burning() async throws {
        let client = RelayClient(try RelayProcess())
        let path = try await open(client)
        for (side, digit) in [("old", "a"), ("new", "b")] {
            #expect(
                try await client.send("POST", path + "/" + side, body: [1], fields: Self.claim(digit)).status == 201)
        }
        #expect(try await client.send("DELETE", path, fields: Self.claim("c")).code == "E-RELAY-019")
        async let waiting = client.send("GET", path + "/old?after=1&wait=20")
        try await Task.sleep(for: .milliseconds(100))
        #expect(try await client.send("DELETE", path, fields: Self.claim("b")).status == 204)
        let burnt = try await waiting.message(ProtoMailbox.self)
        #expect(burnt.burnt)
        #expect(burnt.messages.isEmpty)
        #expect(try await client.send("POST", path + "/old", body: [1], fields: Self.claim("a")).status == 404)
        #expect(try await client.send("GET", "/v1/rendezvous/9999/old").code == "E-RELAY-018")
        #expect(try await client.send("GET", "/v1/rendezvous/1/other").status == 404)
        #expect(try await client.send("GET", "/v1/rendezvous/12345/old").status == 400)
    }
}
