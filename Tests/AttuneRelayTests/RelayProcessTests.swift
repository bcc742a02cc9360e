// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import NIOSSL
import Testing

@Suite("The relay's process") struct RelayProcessTests {
    private static func run(_ program: String, _ arguments: [String]) throws -> (end: ChildProcess.End, output: String)
    {
        let folder = try TemporaryDirectory()
        let process = try ChildProcess(
            program, arguments, environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"], folder: folder.path,
            output: folder.path + "/output", errors: folder.path + "/errors")
        let end = try process.wait(limit: 120)
        let texts = ["output", "errors"].map { name in
            (try? String(contentsOfFile: folder.path + "/" + name, encoding: .utf8)) ?? ""
        }
        return (end, texts.joined())
    }

    @Test("the binary has no routine that opens what devices sealed, and none of the modules that have keys")
    func symbols() throws {
        let symbols = try Self.run("nm", ["--format=just-symbols", try RelayProcess.binary]).output
        #expect(symbols.contains("crypto_sign_verify_detached"))
        let forbidden = [
            "crypto_aead_", "crypto_secretbox", "crypto_box", "crypto_secretstream", "crypto_pwhash", "crypto_kdf",
            "crypto_scalarmult", "sealed_vfs", "$s12AttuneCrypto", "$s11AttuneVault", "$s11AttuneModel",
            "$s10AttuneSync", "$s9AttuneKit", "$s13AttuneAdapter",
        ]
        for name in forbidden { #expect(!symbols.contains(name), "\(name)") }
    }

    @Test("SIGTERM lets what is under way end, takes nothing new, and ends with 0")
    func drain() async throws {
        let fixture = try await RelayFixture()
        let client = fixture.client
        async let poll = client.send("GET", client.home + "/events?wait=50&links=1&entries=0")
        try await Task.sleep(for: .milliseconds(300))
        fixture.relay.process.send(SIGTERM)
        #expect(try await poll.status == 200)
        #expect(try fixture.relay.process.wait(limit: 10) == .exit(0))
        let again = try RelayProcess(folder: fixture.relay.folder)
        let later = RelayClient(again, device: fixture.founder, circle: fixture.circle.id)
        #expect(try await later.links().links.count == 1)
    }

    @Test("a folder is served by one relay at a time")
    func lock() throws {
        let relay = try RelayProcess()
        let second = try Self.run(
            try RelayProcess.binary, ["serve", "--listen", "127.0.0.1:0", "--dir", relay.folder])
        #expect(second.end == .exit(11))
        #expect(second.output.contains("E-RELAY-036"))
        let taken = try Self.run(
            try RelayProcess.binary, ["serve", "--listen", "127.0.0.1:\(relay.port)", "--dir", relay.folder + "/other"])
        #expect(taken.end == .exit(6))
        #expect(taken.output.contains("E-RELAY-040"))
        #expect(try Self.run(try RelayProcess.binary, ["status", "--dir", "/nowhere"]).end == .exit(10))
        #expect(
            try Self.run(try RelayProcess.binary, ["status", "--dir", relay.folder]).output.contains("\"circles\":0"))
        #expect(try Self.run(try RelayProcess.binary, ["gc", "--dir", relay.folder]).output.contains("\"chunks\":0"))
        #expect(
            try Self.run(try RelayProcess.binary, ["serve", "--listen", "nonsense", "--dir", "x"]).end == .exit(64))
    }

    @Test("behind a base path requests are signed for the path below it, whether a proxy takes it away or not")
    func basePath() async throws {
        let relay = try RelayProcess(options: ["--base-path", "/attune", "--authority", "relay.example", "--open"])
        #expect(relay.address.hasSuffix("/attune"))
        let founder = SyntheticDevice()
        let circle = try SyntheticCircle(founder: founder, paper: SyntheticDevice(paper: true))
        let bare = String(relay.address.dropLast("/attune".count))
        defer { _ = try? relay.stop() }
        for address in [relay.address, bare] {
            var client = RelayClient(address, device: founder, circle: circle.id)
            client.authority = "relay.example"
            let host = [("Host", "relay.example")]
            if address == relay.address {
                var message = ProtoCreateCircle()
                message.genesis = circle.links[0].signed
                #expect(try await client.send("POST", "/v1/circles", message: message, fields: host).status == 201)
            }
            #expect(try await client.send("GET", client.home + "/frontier", fields: host).status == 200)
            // The relay's own address is no name of it any more.
            #expect(try await client.send("GET", client.home + "/frontier").status == 401)
        }
        let info = try await RelayClient(relay).send("GET", "/v1/info").message(ProtoInfo.self)
        #expect(info.authority == "relay.example")
    }

    @Test("with certificate files the relay speaks TLS 1.3 and nothing older")
    func tls() async throws {
        let folder = try TemporaryDirectory()
        let (certificate, key) = (folder.path + "/certificate.pem", folder.path + "/key.pem")
        let made = try Self.run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                "-out", certificate, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
            ])
        try #require(made.end == .exit(0), "\(made.output)")
        let relay = try RelayProcess(options: ["--tls-certificate", certificate, "--tls-key", key])
        #expect(relay.address.hasPrefix("https://"))
        for (oldest, newest, works) in [(TLSVersion.tlsv13, TLSVersion.tlsv13, true), (.tlsv1, .tlsv12, false)] {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .file(certificate)
            tls.minimumTLSVersion = oldest
            tls.maximumTLSVersion = newest
            let http = HTTPClient(configuration: .init(tlsConfiguration: tls))
            let founder = SyntheticDevice()
            var client = RelayClient(relay, device: founder)
            client.http = http
            if works {
                let circle = try SyntheticCircle(founder: founder, paper: SyntheticDevice(paper: true))
                #expect(try await client.create(circle.links[0]).status == 201)
            } else {
                #expect((try? await client.send("GET", "/v1/info")) == nil)
            }
            try await http.shutdown()
        }
    }

    @Test("metrics count requests by route, and answer this machine only, or who has the token")
    func metrics() async throws {
        let fixture = try await RelayFixture()
        #expect(try await fixture.client.send("GET", fixture.client.home + "/frontier").status == 200)
        let nobody = RelayClient(fixture.relay)
        let text = String(decoding: try await nobody.send("GET", "/metrics").body, as: UTF8.self)
        #expect(
            text.contains(
                #"attune_relay_requests_total{route="/v1/circles/{circle}/frontier",method="GET",status="200"} 1"#))
        #expect(!text.contains(fixture.circle.id.description))
        #expect(try await nobody.send("GET", "/metrics", fields: [("X-Forwarded-For", "1.2.3.4")]).status == 404)
        let guarded = try RelayProcess(environment: ["ATTUNE_RELAY_METRICS_TOKEN": "secret"])
        #expect(try await RelayClient(guarded).send("GET", "/metrics").status == 404)
        let field = [("Authorization", "Bearer secret")]
        #expect(try await RelayClient(guarded).send("GET", "/metrics", fields: field).status == 200)
    }

    @Test("killed at any moment of uploads, the relay has all that it acknowledged")
    func kill() async throws {
        let rounds = ProcessInfo.processInfo.environment["ATTUNE_TEST_SLOW"] == nil ? 8 : 200
        var relay = try RelayProcess()
        let folder = try TemporaryDirectory()
        _ = try? relay.stop()
        relay = try RelayProcess(folder: folder.path + "/relay")
        let fixture = try await RelayFixture(relay)
        var log: [Entry] = []
        var kept: [ChunkID] = []
        for round in 0..<rounds {
            let client = RelayClient(relay, device: fixture.founder, circle: fixture.circle.id)
            let process = relay.process
            let moment = Int.random(in: 0...250)
            let killer = Task {
                try? await Task.sleep(for: .milliseconds(moment))
                process.send(SIGKILL)
            }
            let last = log.last
            let (entries, chunks) = await withTaskGroup(of: (Entry?, ChunkID?).self) { group in
                group.addTask {
                    var newest = last
                    while let entry = try? fixture.circle.entry(by: fixture.founder, after: newest),
                        let outcomes = try? await client.outcomes([entry]), [[.new], [.exists]].contains(outcomes)
                    { newest = entry }
                    return (newest, nil)
                }
                for _ in 0..<3 {
                    group.addTask {
                        let chunk = SyntheticCircle.chunk()
                        guard let answer = try? await client.put(chunk), answer.status == 201 else { return (nil, nil) }
                        return (nil, chunk.id)
                    }
                }
                return await group.reduce(into: ([Entry](), [ChunkID]())) {
                    if let entry = $1.0 { $0.0.append(entry) }
                    if let chunk = $1.1 { $0.1.append(chunk) }
                }
            }
            await killer.value
            _ = try process.wait(limit: 10)
            relay = try RelayProcess(folder: folder.path + "/relay")
            let after = RelayClient(relay, device: fixture.founder, circle: fixture.circle.id)
            kept += chunks
            #expect(try await after.missing(kept.suffix(1000)) == [], "round \(round), killed after \(moment) ms")
            for chunk in chunks {
                let answer = try await after.get(chunk)
                #expect(ChunkID(WireHash.blake2b(answer.body, personal: "")) == chunk)
            }
            // Where the last one was kept though its answer was lost, the log goes on from it.
            let head = try await after.frontier().heads.first
            #expect((head?.seq ?? 0) >= (entries.last?.seq ?? 0), "round \(round), killed after \(moment) ms")
            if let head, head.seq > 0 {
                let page = try await after.entries("?device=\(fixture.founder.id)&after=\(head.seq - 1)")
                log = try page.entries.map { try Entry(parsing: Array($0)) }
                #expect(log.last?.seq == head.seq)
            }
        }
    }
}
