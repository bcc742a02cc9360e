// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import NIOCore
import NIOHTTP1
import Testing

@Suite("Events at a relay") struct EventTests {
    @Test("a stream says the counts, then each change, signs of life between, and ends when the relay stops")
    func stream() async throws {
        var fixture = try await RelayFixture(options: ["--heartbeat-seconds", "0.2"])
        let request = try fixture.client.request("GET", fixture.client.home + "/events")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        #expect(response.status == .ok)
        #expect(response.headers.first(name: "X-Accel-Buffering") == "no")
        #expect(response.headers.first(name: "Content-Type") == "text/event-stream")
        var text = ""
        var parts = response.body.makeAsyncIterator()
        func read(until found: String) async throws {
            while !text.contains(found) {
                guard let part = try await parts.next() else { break }
                text += String(buffer: part)
            }
            #expect(text.contains(found))
        }
        try await read(until: "event: links\ndata: 1\n\nevent: entries\ndata: 0\n\n")
        try await read(until: "\n: \n\n")
        _ = try await fixture.add()
        try await read(until: "event: links\ndata: 2\n\n")
        let entry = try fixture.circle.entry(by: fixture.founder)
        #expect(try await fixture.client.outcomes([entry]) == [.new])
        try await read(until: "event: entries\ndata: 1\n\n")
        // Nothing but counts, whatever happened.
        let lines = Set(text.split(separator: "\n").map { $0.prefix { $0 != ":" } })
        #expect(lines.isSubset(of: ["", "event", "data"]))
        fixture.relay.process.send(SIGTERM)
        while try await parts.next() != nil {}
        #expect(try fixture.relay.process.wait(limit: 10) == .exit(0))
    }

    @Test("HTTP/1.0 gets no stream, whose end it could not tell, but an answer that says so; a poll it gets")
    func oldVersion() async throws {
        let fixture = try await RelayFixture()
        func answer(to target: String) throws -> String {
            let text = String(decoding: try fixture.client.raw("GET", fixture.client.home + target), as: UTF8.self)
            return try RawConnection(port: fixture.relay.port).exchange(
                text.replacingOccurrences(of: " HTTP/1.1\r\n", with: " HTTP/1.0\r\n"))
        }
        let start = ContinuousClock.now
        for (target, status) in [("/events", "505"), ("/events?wait=0", "200")] {
            let answer = try answer(to: target)
            #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(target): \(answer)")
            #expect(!answer.lowercased().contains("transfer-encoding"), "\(target): \(answer)")
            #expect(!answer.contains("event:"), "\(target): \(answer)")
            #expect(answer.lowercased().contains("\r\nconnection: close\r\n"), "\(target): \(answer)")
        }
        #expect(ContinuousClock.now - start < .seconds(8))
    }

    @Test("a stream lasts longer than any other answer may take")
    func longStream() async throws {
        let fixture = try await RelayFixture(
            limits: true, options: ["--transfer-seconds", "1", "--heartbeat-seconds", "2"])
        let response = try await HTTPClient.shared.execute(
            try fixture.client.request("GET", fixture.client.home + "/events"), timeout: .seconds(60))
        var (text, beats) = ("", 0)
        for try await part in response.body {
            text += String(buffer: part)
            if text.hasSuffix(": \n\n") { beats += 1 }
            if beats == 2 { _ = try await fixture.client.outcomes([try fixture.circle.entry(by: fixture.founder)]) }
            if text.hasSuffix("event: entries\ndata: 1\n\n") { break }
        }
        #expect(text.hasSuffix("event: entries\ndata: 1\n\n"), "\(text)")
        #expect(beats >= 2)
    }

    @Test("a device that is removed hears that and nothing after")
    func removedListener() async throws {
        var fixture = try await RelayFixture()
        let lost = try await fixture.add()
        _ = try await fixture.add()
        let client = fixture.client(of: lost)
        let response = try await HTTPClient.shared.execute(
            try client.request("GET", client.home + "/events"), timeout: .seconds(60))
        let before = fixture.circle.chain.head
        let removal = try fixture.circle.revoke(lost, by: fixture.founder)
        #expect(try await fixture.client.append([removal], after: before).status == 201)
        let text = String(buffer: try await response.body.collect(upTo: 1 << 16))
        #expect(text == "event: links\ndata: 3\n\nevent: entries\ndata: 0\n\n")
    }

    @Test("a long poll answers at the next change, at once where something is new, and else when its time is over")
    func longPoll() async throws {
        let fixture = try await RelayFixture()
        let path = fixture.client.home + "/events"
        let client = fixture.client
        let known = try await client.send("GET", path + "?wait=20&links=0&entries=0").message(ProtoCounters.self)
        #expect(known.links == 1)
        #expect(known.entries == 0)
        let start = ContinuousClock.now
        #expect(try await client.send("GET", path + "?wait=1").message(ProtoCounters.self) == known)
        #expect(ContinuousClock.now - start > .milliseconds(900))
        async let news = client.send("GET", path + "?wait=50&links=1&entries=0")
        try await Task.sleep(for: .milliseconds(200))
        #expect(try await client.outcomes([try fixture.circle.entry(by: fixture.founder)]) == [.new])
        #expect(try await news.message(ProtoCounters.self).entries == 1)
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(try await client.send("GET", path + "?wait=soon").status == 400)
    }

    @Test("a device may have only so many streams at once, and gets them back when they end")
    func streamLimit() async throws {
        let fixture = try await RelayFixture(options: ["--concurrent-streams", "2", "--heartbeat-seconds", "0.1"])
        let path = fixture.client.home + "/events"
        let client = fixture.client
        let open = try await (0..<2).asyncMap { _ in
            try await HTTPClient.shared.execute(try client.request("GET", path), timeout: .seconds(30))
        }
        #expect(try await client.send("GET", path + "?wait=1").status == 429)
        for response in open {
            // Dropping the body closes the connection.
            for try await _ in response.body { break }
        }
        var status = 429
        for _ in 0..<50 where status == 429 {
            status = try await client.send("GET", path + "?wait=0").status
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(status == 200)
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(_ transform: (Element) async throws -> Value) async throws -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
