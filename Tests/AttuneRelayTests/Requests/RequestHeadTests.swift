// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// What RFC 9112 asks of a request, over a connection without any HTTP.
@Suite("The head of a request to a relay") struct RequestHeadTests {
    private static let health = "GET /healthz HTTP/1.1"

    @Test(
        "one that is as it has to be is answered",
        arguments: [
            [Self.health, "Host: a"], [Self.health, "host:A.b-c_d.example:8377"], [Self.health, "Host: \t a:80 \t"],
            [Self.health, "Host: a:"], [Self.health, "Host: 127.0.0.1:1"], [Self.health, "Host: [::1]"],
            [Self.health, "Host: [::1]:80"],
            [Self.health, "Host: a%2Db!$&'()*+,;=~"], ["", "", Self.health, "Host: a"],
            ["GET http://a:80/healthz HTTP/1.1", "Host: A:80"], ["GET /healthz HTTP/1.0"],
            ["GET /healthz HTTP/1.0", "Host: a", "Expect: something"],
            [Self.health, "Host: a", "Expect: 100-continue"],
        ])
    func accepted(_ lines: [String]) throws {
        let relay = try RelayProcess()
        // One of HTTP/1.0 is the last of its connection without saying so.
        let last = lines.contains { $0.hasSuffix("HTTP/1.0") } ? [] : ["Connection: close"]
        let text = Array((lines + last + ["", ""]).joined(separator: "\r\n").utf8)
        for cut in [0] + stride(from: 1, to: text.count, by: 5) {
            let parts = [Array(text[..<cut]), Array(text[cut...])].filter { !$0.isEmpty }
            let answer = try RawConnection(port: relay.port).exchange(parts)
            #expect(answer.hasPrefix("HTTP/1.1 200"), "cut at \(cut): \(answer)")
            #expect(answer.lowercased().contains("\r\nconnection: close\r\n"), "cut at \(cut): \(answer)")
        }
    }

    @Test("one that is not is answered with 400 and ends the connection, and no line of the log")
    func refused() throws {
        let relay = try RelayProcess()
        let (health, host) = (Self.health, "Host: a")
        let post = "POST /v1/rendezvous HTTP/1.1"
        let heads: [[String]] = [
            // The host.
            [health], [health, "X-Host: a"], [health, host, host], [health, host, "X: y", "host: b"],
            ["GET /healthz HTTP/1.0", host, host], [health, "Host:"], [health, "Host: :80"], [health, "Host: a b"],
            [health, "Host: a,b", host], [health, "Host: a/b"], [health, "Host: user@a"], [health, "Host: a:8x"],
            [health, "Host: a:80:80"], [health, "Host: [::1"], [health, "Host: [::g]"], [health, "Host: [1.2.3.4]"],
            [health, "Host: [::1]a"], [health, "Host: ::1"], [health, "Host: a%4"], [health, "Host: a%zz"],
            [health, "Host: \u{e9}"], [health, "Host: <a>"], ["CONNECT a:80 HTTP/1.1"], ["OPTIONS * HTTP/1.1"],
            ["GET http://b/healthz HTTP/1.1", host], ["GET http://user@a/healthz HTTP/1.1", host],
            // The first line.
            ["GET  /healthz HTTP/1.1", host], ["GET /healthz  HTTP/1.1", host], ["GET   /healthz   HTTP/1.1", host],
            ["GET /healthz HTTP/1.1 ", host], ["GET /health z HTTP/1.1", host], ["GET\t/healthz HTTP/1.1", host],
            ["GET /healthz", host], ["GET /healthz http/1.1", host], ["GET /healthz HTTP/2.0", host],
            ["GET /healthz HTTP/1.11", host], [" GET /healthz HTTP/1.1", host], ["GET healthz HTTP/1.1", host],
            ["NONSENSE /healthz HTTP/1.1", host], ["GET /healthz HTTP/1.2", host],
            // Other protocols that the parser knows.
            ["GET /healthz RTSP/1.0", host], ["GET /healthz RTSP/1.1", host], ["SOURCE /healthz ICE/1.0", host],
            ["POST /v1/rendezvous RTSP/1.0", host],
            // The fields, and where the body ends.
            [health, host, "X : y"], [health, host, " folded"], [health, host, "no colon"], [health, host, ": empty"],
            [post, host, "Content-Length: x"], [post, host, "Content-Length: -1"],
            [post, host, "Content-Length: 3", "Content-Length: 4"],
            [post, host, "Content-Length: 3", "Transfer-Encoding: chunked"],
            [post, host, "Transfer-Encoding: chunked, gzip"], [post, host, "Transfer-Encoding: identity"],
            [health, host, "Transfer-Encoding: identity"], [health, host, "Transfer-Encoding: chunked, identity"],
            [health, host, "Transfer-Encoding:"],
            ["POST /v1/rendezvous HTTP/1.0", host, "Transfer-Encoding: gzip, chunked"],
            ["POST /v1/rendezvous HTTP/1.0", host, "Transfer-Encoding: chunked"],
            [post, host, "Connection: Upgrade", "Upgrade: x", "Content-Length: 9"],
        ]
        for lines in heads {
            let text = (lines + ["", ""]).joined(separator: "\r\n")
            // What follows is answered to nobody.
            for more in ["", "\(health)\r\n\(host)\r\n\r\n"] {
                let start = ContinuousClock.now
                let answer = try RawConnection(port: relay.port).exchange(text + more)
                #expect(answer.hasPrefix("HTTP/1.1 400"), "\(lines): \(answer)")
                #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2, "\(lines): \(answer)")
                #expect(answer.lowercased().contains("\r\nconnection: close\r\n"), "\(lines): \(answer)")
                #expect(answer.contains("E-RELAY-001"), "\(lines): \(answer)")
                #expect(ContinuousClock.now - start < .seconds(4), "\(lines)")
            }
        }
        let head = try RawConnection(port: relay.port).exchange("HEAD /healthz HTTP/1.1\r\n\r\n")
        #expect(head.hasPrefix("HTTP/1.1 400"))
        #expect(head.hasSuffix("\r\n\r\n"), "an answer to HEAD has no body")
        #expect(relay.log == "")
    }

    @Test("a body in another coding than chunked is answered with 501 and ends the connection")
    func codings() throws {
        let relay = try RelayProcess()
        let post = "POST /v1/rendezvous HTTP/1.1\r\nHost: a\r\n"
        for fields in [
            "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: identity, Chunked",
        ] {
            let answer = try RawConnection(port: relay.port).exchange("\(post)\(fields)\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 501"), "\(fields): \(answer)")
            #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2, "\(fields): \(answer)")
            #expect(answer.lowercased().contains("\r\nconnection: close\r\n"), "\(fields): \(answer)")
        }
        let answer = try RawConnection(port: relay.port).exchange(
            "\(post)Transfer-Encoding: \tCHUNKED \r\n\r\n2\r\n{}\r\n0\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 201"), "\(answer)")
        #expect(relay.log == "")
    }

    @Test("what a peer sends behind a head that is refused costs no memory, and does not hold the connection")
    func flood() throws {
        let relay = try RelayProcess()
        let usage = ProcessUsage(relay.process.id)
        let before = usage.peakBytes
        try #require(before > 0)
        for head in ["\(Self.health)\r\n\r\n", "GET" + String(repeating: " ", count: 16 << 20)] {
            let start = ContinuousClock.now
            _ = try RawConnection(port: relay.port).exchange(
                [Array(head.utf8), [UInt8](repeating: 32, count: 64 << 20)], seconds: 12)
            #expect(ContinuousClock.now - start < .seconds(15))
        }
        #expect(usage.peakBytes - before < 32 << 20)
        #expect(relay.process.poll() == nil)
    }

    @Test("what stands between the parts of a body is bounded too, and ends the connection")
    func framing() throws {
        let relay = try RelayProcess()
        let head = "POST /v1/rendezvous HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        for (first, endless) in [("5;", "a"), ("", "0"), ("2;", "b=\"c\";"), ("", "1;aaaaaaaaaaaaaaaa\r\n{\r\n")] {
            let start = ContinuousClock.now
            let flood = Array(repeating: Array(endless.utf8), count: (8 << 20) / endless.utf8.count).flatMap(\.self)
            let answer = try RawConnection(port: relay.port).exchange([Array((head + first).utf8), flood], seconds: 12)
            #expect(!answer.hasPrefix("HTTP/1.1 2"), "\(first)\(endless): \(answer)")
            #expect(ContinuousClock.now - start < .seconds(6), "\(first)\(endless)")
        }
        // One that says little of each part is taken.
        let parts = Array("{}        ".utf8).map { "1;a\r\n\(Character(Unicode.Scalar($0)))\r\n" }.joined()
        let answer = try RawConnection(port: relay.port).exchange("\(head)\(parts)0\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 201"), "\(answer)")
        #expect(relay.process.poll() == nil)
    }

    @Test("a body that cannot be read to its end is answered with 400, once, and no line of the log")
    func bodies() throws {
        let relay = try RelayProcess()
        let head = "\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        for body in ["x\r\n", "-1\r\n", "fffffffffffffffff\r\n", "3 \r\nabc", "3\r\nabcd\r\n0\r\n\r\n", "3\nabc\n"] {
            for (path, status) in [("/v1/rendezvous", 400), ("/nothing", 404)] {
                for parts in [["POST \(path) HTTP/1.1\(head)\(body)"], ["POST \(path) HTTP/1.1\(head)", body]] {
                    let start = ContinuousClock.now
                    let answer = try RawConnection(port: relay.port).exchange(parts.map { Array($0.utf8) })
                    #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(parts): \(answer)")
                    #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2, "\(parts): \(answer)")
                    #expect(answer.lowercased().contains("\r\nconnection: close\r\n"), "\(parts): \(answer)")
                    #expect(ContinuousClock.now - start < .seconds(8), "\(parts)")
                }
            }
        }
        // A sender that ends too early, in good order and without.
        for fields in ["Content-Length: 9", "Transfer-Encoding: chunked"] {
            let text = "POST /v1/rendezvous HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n3\r\nab"
            let answer = try RawConnection(port: relay.port).exchange(ending: text)
            #expect(answer.hasPrefix("HTTP/1.1 400"), "\(fields): \(answer)")
            for delay in 0..<40 { try RawConnection(port: relay.port).abandon(text, after: UInt32(delay) * 100) }
        }
        #expect(try RawConnection(port: relay.port).request("GET", "/healthz").status == 200)
        #expect(relay.log == "")
    }

    @Test("who waits to be told that the body is wanted is told so, or gets the answer at once")
    func expectations() throws {
        let relay = try RelayProcess()
        let expecting = "\r\nHost: a\r\nExpect: 100-Continue\r\n"
        let word = "HTTP/1.1 100 Continue\r\n\r\n"
        for (length, body) in [
            ("Content-Length: 2", "{}"), ("Transfer-Encoding: chunked", "2\r\n{}\r\n0\r\n\r\n"),
        ] {
            let (before, after) = try RawConnection(port: relay.port).exchange(
                "POST /v1/rendezvous HTTP/1.1\(expecting)Connection: close\r\n\(length)\r\n\r\n", then: body,
                after: word)
            #expect(before == word, "\(length)")
            #expect(after.hasPrefix("HTTP/1.1 201"), "\(length): \(after)")
        }
        for (first, status) in [
            ("POST /v1/rendezvous HTTP/1.1\(expecting)Content-Length: 5000", "413"),
            ("POST /nothing HTTP/1.1\(expecting)Content-Length: 2", "404"),
            ("PUT /v1/circles/0/chunks/0 HTTP/1.1\(expecting)Content-Length: 2", "4"),
            ("POST /v1/rendezvous HTTP/1.1\r\nHost: a\r\nExpect: more\r\nContent-Length: 2", "417"),
        ] {
            let answer = try RawConnection(port: relay.port).exchange(first + "\r\n\r\n", seconds: 10)
            #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(first): \(answer)")
            #expect(answer.lowercased().contains("\r\nconnection: close\r\n"), "\(first): \(answer)")
        }
        // A body that is there already, and a sender that does not know of such words.
        for first in [
            "POST /v1/rendezvous HTTP/1.1\(expecting)Connection: close\r\nContent-Length: 2\r\n\r\n{}",
            "POST /v1/rendezvous HTTP/1.0\(expecting)Content-Length: 2\r\n\r\n{}",
        ] {
            let answer = try RawConnection(port: relay.port).exchange(first)
            #expect(answer.hasPrefix("HTTP/1.1 201"), "\(first): \(answer)")
        }
        #expect(relay.log == "")
    }
}
