// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import SwiftProtobuf

/// What strangers, and devices of other circles, do to a relay in order to stop it.
package struct RelayAttack: Sendable {
    package let name: String
    /// - Parameters:
    ///   - relay: its address, such as `http://127.0.0.1:40123`.
    ///   - scale: 1 for the whole; a tenth of it has a tenth of the connections.
    ///   - seconds: for which it lasts.
    /// - Returns: what the attacker reached, by name.
    package let run: @Sendable (_ relay: String, _ scale: Double, _ seconds: Double) async throws -> [String: Int]

    package static let all = [
        silent, slowBodies, halfHeads, halfBodies, pipelines, genesis, readers, streams, releases, links, flood,
        mailboxes,
    ]

    /// Nothing at all, to compare with.
    package static let none = RelayAttack(name: "none") { _, _, seconds in
        try await Task.sleep(for: .seconds(seconds))
        return [:]
    }

    static func port(of address: String) -> Int { URL(string: address)?.port ?? 0 }

    private static func scaled(_ count: Int, _ scale: Double) -> Int { max(4, Int(Double(count) * scale)) }

    private static func sockets(
        _ name: String, _ count: Int, addresses: Int, networks: Int = 1, drip: String = "", pause: Double = 1,
        reads: Bool = true, opening: @escaping @Sendable (Int) -> String
    ) -> RelayAttack {
        RelayAttack(name: name) { relay, scale, seconds in
            let sources = HostileSockets.sources(scaled(addresses, scale), networks: networks)
            let counts = await HostileSockets(
                port: port(of: relay),
                HostileSockets.Plan(
                    count: scaled(count, scale), sources: sources, opening: { Array(opening($0).utf8) },
                    drip: Array(drip.utf8), pause: pause, reads: reads)
            ).run(seconds: seconds)
            return [
                "opened": counts.opened, "ended_by_relay": counts.endedByServer, "most_open": counts.most,
                "bytes_sent": counts.bytesSent,
            ]
        }
    }

    // MARK: Strangers

    private static let silent = sockets("silent connections", 8000, addresses: 400, networks: 20) { _ in "" }
    private static let slowBodies = sockets(
        "bodies of a byte a second", 8000, addresses: 400, networks: 20, drip: "x"
    ) { _ in "POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" }
    private static let halfHeads = sockets(
        "heads of a byte a second", 8000, addresses: 400, networks: 20, drip: "x"
    ) { _ in "GET /v1/info HTTP/1.1\r\nX-Long: " + String(repeating: "y", count: 7000) }
    private static let halfBodies = sockets(
        "half-sent messages to mailboxes", 2000, addresses: 400, networks: 20
    ) { number in
        "POST /v1/rendezvous/\(100 + number % 9000)/new HTTP/1.1\r\nHost: a\r\nAttune-Mailbox: "
            + String(repeating: "a", count: 32) + "\r\nContent-Length: 16384\r\n\r\n"
            + String(repeating: "z", count: 16000)
    }
    private static let pipelines = sockets(
        "pipelined requests without end", 500, addresses: 50,
        drip: String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: 400),
        pause: 0, reads: false
    ) { _ in String(repeating: "GET /v1/rendezvous/100/old?wait=60 HTTP/1.1\r\nHost: a\r\n\r\n", count: 100) }

    /// Bodies of requests that would open circles, of the largest size and half of it.
    private static let genesis = RelayAttack(name: "half-sent genesis links") { relay, scale, seconds in
        let client = RelayClient(relay, device: SyntheticDevice())
        let (large, allowed) = (
            try client.raw("POST", "/v1/circles", body: [UInt8](repeating: 7, count: 1 << 20)),
            try client.raw("POST", "/v1/circles", body: [UInt8](repeating: 7, count: 256 << 10))
        )
        let counts = await HostileSockets(
            port: port(of: relay),
            HostileSockets.Plan(
                count: scaled(1000, scale), sources: HostileSockets.sources(scaled(200, scale), networks: 10),
                opening: { $0 % 2 == 0 ? Array(large.dropLast(1000)) : Array(allowed.dropLast(100)) })
        ).run(seconds: seconds)
        return ["opened": counts.opened, "ended_by_relay": counts.endedByServer, "bytes_sent": counts.bytesSent]
    }

    // MARK: Devices of another circle

    /// Readers of the largest answers that do not read them.
    private static let readers = RelayAttack(name: "readers that do not read") { relay, scale, seconds in
        var circle = try await HostileCircle(relay)
        let chunk = SyntheticCircle.chunk()
        _ = try await circle.client.put(chunk)
        for _ in 0..<6 { _ = try await circle.push(count: 200) }
        for _ in 0..<scaled(100, scale) { _ = try await circle.addAndRevoke() }
        let client = circle.client
        let targets = ["/entries", "/links", "/chunks/\(chunk.id)"]
        let counts = await HostileSockets(
            port: port(of: relay),
            HostileSockets.Plan(
                count: scaled(300, scale), sources: HostileSockets.sources(8),
                opening: { (try? client.raw("GET", client.home + targets[$0 % targets.count])) ?? [] }, reads: false)
        ).run(seconds: seconds)
        return ["opened": counts.opened, "ended_by_relay": counts.endedByServer]
    }

    /// Event streams that nobody reads, and polls.
    private static let streams = RelayAttack(name: "event streams that nobody reads") { relay, scale, seconds in
        let client = try await HostileCircle(relay).client
        let counts = await HostileSockets(
            port: port(of: relay),
            HostileSockets.Plan(
                count: scaled(500, scale), sources: HostileSockets.sources(8),
                opening: {
                    (try? client.raw("GET", client.home + ($0 % 2 == 0 ? "/events" : "/events?wait=60"))) ?? []
                },
                reads: false)
        ).run(seconds: seconds)
        return ["opened": counts.opened, "ended_by_relay": counts.endedByServer]
    }

    /// Requests full of releases, of entries that name chunks which were never uploaded.
    private static let releases = RelayAttack(name: "releases") { relay, scale, seconds in
        var circle = try await HostileCircle(relay)
        var (requests, refused, number) = (0, 0, 0)
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            let isRelease = number % 3 == 2
            number += 1
            let answer =
                isRelease
                ? try await circle.pushReleases(count: scaled(128, scale))
                : try await circle.push(count: 1, chunks: scaled(16_000, scale))
            requests += 1
            if answer.status != 200 { refused += 1 }
            if answer.status == 429 { try await Task.sleep(for: .milliseconds(100)) }
        }
        return ["requests": requests, "refused": refused]
    }

    /// Links as many as go, and readers of all of them.
    private static let links = RelayAttack(name: "links, and readers of them") { relay, scale, seconds in
        var circle = try await HostileCircle(relay)
        var (appended, refused, read) = (0, 0, 0)
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if try await circle.addAndRevoke() { appended += 2 } else { refused += 1 }
            guard appended % 20 == 0 || refused > 0 else { continue }
            let client = circle.client
            read += try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask { try await client.send("GET", client.home + "/links").status == 200 ? 1 : 0 }
                }
                return try await group.reduce(0, +)
            }
        }
        return ["appended": appended, "refused": refused, "read": read]
    }

    /// Smallest entries as fast as the limits let a device push them.
    private static let flood = RelayAttack(name: "entries as many as go") { relay, _, seconds in
        var circle = try await HostileCircle(relay)
        var (kept, refused) = (0, 0)
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            let answer = try await circle.push(count: 256)
            if answer.status == 200 { kept += 256 } else { refused += 1 }
            if answer.status == 429 { try await Task.sleep(for: .milliseconds(100)) }
        }
        return ["sent": kept, "refused": refused]
    }
}
