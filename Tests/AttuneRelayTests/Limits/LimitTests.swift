// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import NIOHTTP1
import Testing

@Suite("Limits of a relay") struct LimitTests {
    @Test("an address gets 30 requests a minute without a signature, and is told when to come back")
    func unauthenticated() async throws {
        let relay = try RelayProcess(limits: true)
        let client = RelayClient(relay)
        for _ in 0..<30 { #expect(try await client.send("GET", "/v1/info").status == 200) }
        // A slow machine gets some more while it asks.
        var late = try await client.send("GET", "/v1/info")
        for _ in 0..<60 where late.status == 200 { late = try await client.send("GET", "/v1/info") }
        #expect(late.status == 429)
        #expect(late.code == "E-RELAY-013")
        #expect(try #require(late.field("Retry-After").flatMap { Int($0) }) > 0)
        // Guessing circles and signatures counts as well; health does not.
        let guess = RelayClient(relay, device: SyntheticDevice(), circle: .random())
        var guessed = try await guess.send("GET", guess.home + "/links")
        for _ in 0..<60 where guessed.status == 404 { guessed = try await guess.send("GET", guess.home + "/links") }
        #expect(guessed.status == 429)
        #expect(try await client.send("GET", "/healthz").status == 200)
    }

    @Test("an address that has guessed too often does not learn which mailboxes there are")
    func guessedMailboxes() async throws {
        let client = RelayClient(try RelayProcess(limits: true, options: ["--unauthenticated-per-minute", "3"]))
        let opened = try await client.send("POST", "/v1/rendezvous").message(ProtoMailboxOpened.self)
        let path = "/v1/rendezvous/\(opened.nameplate)/old"
        #expect(try await client.send("GET", path).status == 200)
        var last = 0
        for number in 9000..<9040 where last != 429 {
            last = try await client.send("GET", "/v1/rendezvous/\(number)/old").status
        }
        #expect(last == 429)
        #expect(try await client.send("GET", path).status == 429)
    }

    @Test("an address opens five circles an hour; an invite opens another")
    func creation() async throws {
        let relay = try RelayProcess(limits: true)
        var statuses: [Int] = []
        for _ in 0..<6 {
            let founder = SyntheticDevice()
            let circle = try SyntheticCircle(founder: founder, paper: SyntheticDevice(paper: true))
            statuses.append(try await RelayClient(relay, device: founder).create(circle.links[0]).status)
        }
        #expect(statuses == [201, 201, 201, 201, 201, 429])
    }

    @Test("what X-Forwarded-For says counts only from a proxy that is trusted")
    func forwarded() async throws {
        let plain = try RelayProcess(limits: true, options: ["--unauthenticated-per-minute", "2"])
        let proxied = try RelayProcess(
            limits: true, options: ["--unauthenticated-per-minute", "2", "--trusted-proxy", "127.0.0.1"])
        var direct: [Int] = []
        var trusted: [Int] = []
        for host in 1...4 {
            let field = [("X-Forwarded-For", "6.6.6.6, 10.0.0.\(host)")]
            direct.append(try await RelayClient(plain).send("GET", "/v1/info", fields: field).status)
            trusted.append(try await RelayClient(proxied).send("GET", "/v1/info", fields: field).status)
        }
        #expect(direct.prefix(2) == [200, 200])
        #expect(direct.contains(429))
        #expect(trusted == [200, 200, 200, 200])
    }

    @Test("a device gets so many requests a minute and no more")
    func device() async throws {
        let relay = try RelayProcess(limits: true, options: ["--requests-per-minute", "6"])
        let fixture = try await RelayFixture(relay)
        var statuses: [Int] = []
        for _ in 0..<20 where statuses.last != 429 {
            statuses.append(try await fixture.client.send("GET", fixture.client.home + "/frontier").status)
        }
        #expect(statuses.count > 6)
        #expect(statuses.prefix(6).allSatisfy { $0 == 200 })
        #expect(statuses.last == 429)
        // Chunks have a limit of their own, so that a large adapter does not use up a device's requests.
        #expect(try await fixture.client.put(SyntheticCircle.chunk()).status == 201)
    }

    @Test("a connection that says nothing is closed, in the middle of a body too")
    func idle() async throws {
        let relay = try RelayProcess(options: ["--idle-seconds", "1"])
        for text in [
            "", "GET /v1/info HT", "POST /v1/rendezvous HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc",
        ] {
            let start = ContinuousClock.now
            let answer = try RawConnection(port: relay.port).exchange(text)
            #expect(ContinuousClock.now - start < .seconds(8), "\(text)")
            #expect(!answer.contains("201"))
        }
    }

    @Test("requests that are sent ahead of answers are answered one after the other, however many they are")
    func pipelines() async throws {
        let relay = try RelayProcess()
        let health = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
        let last = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        let many = try RawConnection(port: relay.port).exchange(String(repeating: health, count: 300) + last)
        #expect(many.components(separatedBy: "HTTP/1.1 200").count == 302)

        // A device's bodies among them, which have the ends of heads in them.
        let fixture = try await RelayFixture(relay)
        let chunk = SyntheticCircle.chunk(8192)
        let client = fixture.client
        var bytes: [UInt8] = []
        for _ in 0..<8 {
            bytes += try client.raw("GET", client.home + "/frontier")
            bytes += try client.raw(
                "PUT", client.home + "/chunks/\(chunk.id)", body: chunk.bytes,
                fields: [("Content-Type", "application/octet-stream")])
            bytes += try client.raw(
                "POST", client.home + "/chunks/missing", body: Array("\r\n\r\nGET / HTTP/1.1\r\n\r\n".utf8))
        }
        let answers = try RawConnection(port: relay.port).exchange(bytes + Array(last.utf8))
        #expect(answers.components(separatedBy: "HTTP/1.1 20").count == 18, "\(answers.prefix(2000))")
        #expect(answers.components(separatedBy: "HTTP/1.1 400").count == 9)
        #expect(relay.process.poll() == nil)
    }

    @Test("two requests are answered wherever what was sent is cut", arguments: ["\r\n", "\n"])
    func cutPipelines(_ line: String) async throws {
        let relay = try RelayProcess()
        let text = Array(
            ["GET /healthz HTTP/1.1", "Host: a", "", "GET /healthz HTTP/1.1", "Host: a", "Connection: close", "", ""]
                .joined(separator: line).utf8)
        let whole = try RawConnection(port: relay.port).exchange(text)
        let expected = whole.components(separatedBy: "HTTP/1.1 ").map { $0.prefix(3) }
        if line == "\r\n" { #expect(expected == ["", "200", "200"]) }
        for cut in 1..<text.count {
            let answer = try RawConnection(port: relay.port).exchange([Array(text[..<cut]), Array(text[cut...])])
            #expect(answer.components(separatedBy: "HTTP/1.1 ").map { $0.prefix(3) } == expected, "cut at \(cut)")
        }
    }

    @Test("a stranger who is refused has to connect again to ask for more; a device has not")
    func refusedPipelines() async throws {
        let relay = try RelayProcess()
        let missing = "GET /v1/rendezvous/100/old HTTP/1.1\r\nHost: a\r\n\r\n"
        let answer = try RawConnection(port: relay.port).exchange(String(repeating: missing, count: 50))
        #expect(answer.components(separatedBy: "HTTP/1.1 404").count == 2, "\(answer)")
        #expect(answer.lowercased().contains("connection: close"))

        let client = try await RelayFixture(relay).client
        var bytes: [UInt8] = []
        for _ in 0..<5 {
            bytes += try client.raw("GET", client.home + "/chunks/\(SyntheticCircle.chunk(4096).id)")
        }
        let last = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        let refused = try RawConnection(port: relay.port).exchange(bytes + Array(last.utf8))
        #expect(refused.components(separatedBy: "HTTP/1.1 404").count == 6, "\(refused)")
    }

    @Test("a request for another protocol, or with a body of unknown length, is the last of its connection")
    func lastRequests() async throws {
        let relay = try RelayProcess()
        let health = "GET /healthz HTTP/1.1\r\nHost: a\r\n"
        for first in [
            "\(health)Connection: Upgrade\r\nUpgrade: x\r\n\r\n",
            "\(health)Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
            "\(health)Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "\(health)Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ] {
            for parts in [[first + String(repeating: "\(health)\r\n", count: 7)], [first, "\(health)\r\n"]] {
                let start = ContinuousClock.now
                let answer = try RawConnection(port: relay.port).exchange(parts.map { Array($0.utf8) })
                #expect(answer.components(separatedBy: "HTTP/1.1 200").count == 2, "\(parts): \(answer)")
                #expect(answer.lowercased().contains("connection: close"), "\(parts): \(answer)")
                #expect(ContinuousClock.now - start < .seconds(8), "\(parts)")
            }
        }
        // A body would be kept for that protocol, so such a request is refused.
        let post =
            "POST /v1/rendezvous HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n"
            + "Content-Length: 9\r\n\r\n"
        let refused = try RawConnection(port: relay.port).exchange(post + "123456789\(health)\r\n")
        #expect(refused.hasPrefix("HTTP/1.1 400"), "\(refused)")
        #expect(refused.components(separatedBy: "HTTP/1.1 ").count == 2, "\(refused)")
        // What follows stays with who sends it: the buffers of a connection take some of it, the relay none.
        let usage = ProcessUsage(relay.process.id)
        let before = usage.peakBytes
        try #require(before > 0)
        let flood = [UInt8](repeating: 97, count: 64 << 20)
        _ = try RawConnection(port: relay.port).exchange(
            [Array("\(health)Connection: Upgrade\r\nUpgrade: x\r\n\r\n".utf8), flood], seconds: 5)
        #expect(usage.peakBytes - before < 32 << 20)
        #expect(relay.process.poll() == nil)
    }

    @Test("a body that comes byte by byte buys no time, and neither does one that was refused")
    func drips() async throws {
        let relay = try RelayProcess(options: ["--transfer-seconds", "2", "--slowest-bytes-per-second", "1000000"])
        let claim = String(repeating: "a", count: 32)
        for head in ["POST /v1/rendezvous/100/new HTTP/1.1\r\nAttune-Mailbox: \(claim)", "POST /nothing HTTP/1.1"] {
            let text = "\(head)\r\nHost: a\r\nContent-Length: 16000\r\n\r\n"
            let counts = await HostileSockets(
                port: relay.port,
                .init(count: 10, sources: ["127.0.0.1"], opening: { _ in Array(text.utf8) }, drip: [0x78], pause: 0.2)
            ).run(seconds: 12)
            #expect(counts.endedByServer >= 10, "\(head)")
        }
    }

    @Test("who comes through a proxy to a relay of this machine needs an invite, and sees no counters")
    func passedOn() async throws {
        let relay = try RelayProcess()
        let founder = SyntheticDevice()
        let circle = try SyntheticCircle(founder: founder, paper: SyntheticDevice(paper: true))
        var message = ProtoCreateCircle()
        message.genesis = circle.links[0].signed
        let client = RelayClient(relay, device: founder)
        for field in [("X-Forwarded-For", "203.0.113.9"), ("Via", "1.1 proxy"), ("Forwarded", "for=203.0.113.9")] {
            let refused = try await client.send("POST", "/v1/circles", message: message, fields: [field])
            #expect(refused.code == "E-RELAY-015", "\(field)")
            #expect(try await client.send("GET", "/metrics", fields: [field]).status == 404, "\(field)")
        }
        #expect(try await client.send("POST", "/v1/circles", message: message).status == 201)
        #expect(try await client.send("GET", "/metrics").status == 200)
        // One that has a name may have a proxy that says nothing of itself.
        let named = RelayClient(try RelayProcess(options: ["--authority", "relay.example"]))
        #expect(try await named.send("GET", "/metrics").status == 404)
    }

    /// A request that opens a circle, as bytes.
    private func creation(at relay: RelayProcess) throws -> [UInt8] {
        let founder = SyntheticDevice()
        let genesis = try SyntheticCircle(founder: founder, paper: SyntheticDevice(paper: true)).links[0].bytes
        // Field 1, and a length of two bytes.
        let start: [UInt8] = [0x0a, UInt8(genesis.count & 0x7f) | 0x80, UInt8(genesis.count >> 7)]
        return try RelayClient(relay, device: founder).raw(
            "POST", "/v1/circles", body: start + genesis,
            fields: [("Content-Type", "application/protobuf"), ("Connection", "close")])
    }

    @Test("bodies that are announced and never come keep no newcomer from opening a circle")
    func silentCreations() async throws {
        let relay = try RelayProcess()
        let client = RelayClient(relay, device: SyntheticDevice())
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        for _ in 0..<70 {
            let head = try client.raw("POST", "/v1/circles", body: [UInt8](repeating: 1, count: 16 << 10)).dropLast(
                16 << 10)
            let socket = try RawConnection(port: relay.port).opened(blocking: true)
            sockets.append(socket)
            _ = Array(head).withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        }
        try await Task.sleep(for: .seconds(1))
        let answer = try RawConnection(port: relay.port, source: "127.9.0.1").exchange(try creation(at: relay))
        #expect(answer.hasPrefix("HTTP/1.1 201"), "\(answer)")
    }

    @Test("a body that ends too early where a circle is opened counts as a request without a signature")
    func brokenCreations() async throws {
        // The next one comes after a minute, however busy the machine is.
        let relay = try RelayProcess(limits: true, options: ["--unauthenticated-per-minute", "1"])
        let part = try creation(at: relay).dropLast(100)
        let text = part.map { String(UnicodeScalar($0 < 128 ? $0 : 1)) }.joined()
        var answer = ""
        // A busy relay may not have seen one that ended so early; a sixth circle would be refused for another reason.
        for pause in [1, 3, 6, 12] where !answer.hasPrefix("HTTP/1.1 429") {
            try RawConnection(port: relay.port).abandon(text, after: UInt32(pause) * 200_000)
            try await Task.sleep(for: .seconds(pause))
            answer = try RawConnection(port: relay.port).exchange(try creation(at: relay))
        }
        #expect(answer.hasPrefix("HTTP/1.1 429"), "\(answer)")
    }

    @Test("who holds a side of a mailbox reads there 120 times a minute")
    func mailboxReads() async throws {
        let client = RelayClient(try RelayProcess(limits: true))
        let claim = [("Attune-Mailbox", String(repeating: "a", count: 32))]
        let opened = try await client.send("POST", "/v1/rendezvous", fields: claim).message(ProtoMailboxOpened.self)
        var statuses: [Int] = []
        let start = ContinuousClock.now
        while statuses.last ?? 200 == 200, statuses.count < 1000 {
            statuses.append(
                try await client.send("GET", "/v1/rendezvous/\(opened.nameplate)/new", fields: claim).status)
        }
        let refilled = Int((ContinuousClock.now - start).seconds) * 2 + 2
        #expect(statuses.last == 429)
        #expect((120...120 + refilled).contains(statuses.count - 1))
    }

    @Test(
        "an invite that is not known, or missing, and a body that is too large to open a circle, are refused before the body"
    )
    func creationBeforeTheBody() async throws {
        let (closed, open) = (try RelayProcess(options: ["--invite-only"]), try RelayProcess())
        for (relay, fields, length, status) in [
            (closed, [("Attune-Invite", "none")], 8000, "403"), (closed, [], 8000, "403"), (open, [], 1 << 20, "413"),
        ] {
            let client = RelayClient(relay, device: SyntheticDevice())
            let whole = try client.raw(
                "POST", "/v1/circles", body: [UInt8](repeating: 1, count: length), fields: fields)
            let start = ContinuousClock.now
            let answer = try RawConnection(port: relay.port).exchange(Array(whole.dropLast(length - 10)), seconds: 20)
            #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(answer)")
            // The answer says that the connection ends, and it does so soon.
            #expect(answer.lowercased().contains("connection: close"))
            #expect(ContinuousClock.now - start < .seconds(15))
        }
    }

    @Test("heads that are too large, lines that are no HTTP and paths of every kind get an answer below 500")
    func heads() async throws {
        let relay = try RelayProcess()
        let host = "Host: 127.0.0.1:\(relay.port)\r\nConnection: close\r\n"
        let many = (0..<5000).map { "X-\($0): 1\r\n" }.joined()
        for text in [
            "GET /v1/info HTTP/1.1\r\n\(host)X-Long: \(String(repeating: "a", count: 200_000))\r\n\r\n",
            "GET /v1/info HTTP/1.1\r\n\(host)\(many)\r\n", "\u{0}\u{1}\u{2}\r\n\r\n",
            "GET /\(String(repeating: "a/", count: 4000)) HTTP/1.1\r\n\(host)\r\n",
            "GET /v1/circles/%00%ff/links HTTP/1.1\r\n\(host)\r\n",
            "GET /v1/circles/../../etc/passwd HTTP/1.1\r\n\(host)\r\n",
            "GET http://elsewhere/v1/info HTTP/1.1\r\n\(host)\r\n", "OPTIONS * HTTP/1.1\r\n\(host)\r\n",
            "POST /v1/rendezvous HTTP/1.1\r\n\(host)Content-Length: 99999999999999999999\r\n\r\n",
            "POST /v1/rendezvous HTTP/1.1\r\n\(host)Content-Length: -1\r\n\r\n",
            "POST /v1/rendezvous HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        ] {
            let answer = try RawConnection(port: relay.port).exchange(text, seconds: 5)
            #expect(!answer.contains("HTTP/1.1 5"), "\(text.prefix(60))")
        }
        #expect(try await RelayClient(relay).send("GET", "/healthz").status == 200)
        #expect(relay.process.poll() == nil)
    }

    @Test("readers that are gone before their answer take nobody's place")
    func goneReaders() async throws {
        let fixture = try await RelayFixture()
        let chunk = SyntheticCircle.chunk()
        #expect(try await fixture.client.put(chunk).status == 201)
        for path in ["/chunks/\(chunk.id)", "/events"] {
            for delay in 0..<120 {
                let request = try fixture.client.request("GET", fixture.client.home + path)
                let fields = request.headers.map { "\($0.name): \($0.value)\r\n" }.joined()
                let text =
                    "GET \(fixture.client.home)\(path) HTTP/1.1\r\nHost: 127.0.0.1:\(fixture.relay.port)\r\n\(fields)\r\n"
                try RawConnection(port: fixture.relay.port).abandon(text, after: UInt32(delay) * 50)
            }
        }
        // The relay may still be at the last of them.
        var statuses: Set<Int> = []
        for _ in 0..<30 where statuses != [200] {
            try await Task.sleep(for: .seconds(1))
            statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 { group.addTask { try await fixture.client.get(chunk.id).status } }
                for _ in 0..<8 {
                    group.addTask {
                        try await fixture.client.send("GET", fixture.client.home + "/events?wait=1").status
                    }
                }
                return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
            }
        }
        #expect(statuses == [200])
    }
}
