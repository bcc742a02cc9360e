// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import NIOHTTP1
import Testing

@Suite("Signed requests at a relay") struct SignatureTests {
    @Test("no route of a circle answers without a signature of a device in it")
    func unsigned() async throws {
        let fixture = try await RelayFixture()
        let home = fixture.client.home
        let id = fixture.circle.id
        let nobody = RelayClient(fixture.relay)
        let stranger = RelayClient(fixture.relay, device: SyntheticDevice(), circle: id)
        for (method, path) in [
            ("DELETE", ""), ("GET", "/links"), ("POST", "/links"), ("GET", "/frontier"), ("GET", "/entries"),
            ("POST", "/entries"), ("POST", "/release"), ("POST", "/chunks/missing"), ("GET", "/chunks/\(id)"),
            ("HEAD", "/chunks/\(id)"), ("PUT", "/chunks/\(id)"), ("GET", "/events"), ("GET", "/events?wait=1"),
        ] {
            let answer = try await nobody.send(method, home + path)
            #expect(answer.status == 401, "\(method) \(path)")
            #expect(answer.field("Attune-Time").flatMap { UInt64($0) } != nil)
            #expect(try await stranger.send(method, home + path).status == 404, "\(method) \(path)")
        }
        let creation = try await nobody.create(fixture.circle.links[0])
        #expect(creation.status == 401)
    }

    @Test("a signature holds for its method, path, query, body and host only")
    func binding() async throws {
        let fixture = try await RelayFixture()
        let client = fixture.client
        var request = try client.request("GET", client.home + "/entries?limit=1")
        request.url = client.address + client.home + "/entries?limit=2"
        #expect(try await client.execute(request).code == "E-RELAY-002")
        request = try client.request("GET", client.home + "/frontier")
        request.url = client.address + client.home + "/links"
        #expect(try await client.execute(request).code == "E-RELAY-002")
        request = try client.request("GET", client.home + "/chunks/\(fixture.circle.id)")
        request.method = .HEAD
        #expect(try await client.execute(request).status == 401)
        request = try client.request("POST", client.home + "/chunks/missing", body: [])
        request.body = .bytes([10, 0])
        #expect(try await client.execute(request).code == "E-RELAY-012")
        var elsewhere = client
        elsewhere.authority = "relay.example"
        #expect(try await elsewhere.send("GET", client.home + "/links").code == "E-RELAY-002")
        let named = try await elsewhere.send("GET", client.home + "/links", fields: [("Host", "relay.example")])
        #expect(named.code == "E-RELAY-002")
    }

    @Test("a request that is recorded is not taken a second time")
    func replay() async throws {
        let fixture = try await RelayFixture()
        let request = try fixture.client.request("GET", fixture.client.home + "/frontier")
        #expect(try await fixture.client.execute(request).status == 200)
        let again = try await fixture.client.execute(request)
        #expect(again.status == 401)
        #expect(again.code == "E-RELAY-004")
    }

    @Test("a clock that is wrong is told the time, and can sign again by it")
    func clock() async throws {
        let fixture = try await RelayFixture()
        for offset in [-315_360_000, -301, 302, 315_360_000] as [Int64] {
            var client = fixture.client
            client.clockOffset = offset
            let answer = try await client.send("GET", client.home + "/frontier")
            #expect(answer.status == 401, "\(offset)")
            #expect(answer.code == "E-RELAY-003", "\(offset)")
            let time = try #require(answer.field("Attune-Time").flatMap { Int64($0) })
            client.clockOffset += time / 1000 - (Int64(Date().timeIntervalSince1970) + offset)
            #expect(try await client.send("GET", client.home + "/frontier").status == 200)
        }
        var near = fixture.client
        near.clockOffset = 290
        #expect(try await near.send("GET", near.home + "/frontier").status == 200)
    }
}
