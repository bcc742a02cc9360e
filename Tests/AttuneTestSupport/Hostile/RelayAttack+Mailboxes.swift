// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneWire
import Foundation
import Synchronization

extension RelayAttack {
    /// Mailboxes opened from hundreds of addresses and filled, and sweeps that end, take or read those of others, while
    /// an honest pair of devices meets again and again.
    static let mailboxes = RelayAttack(name: "mailboxes") { relay, scale, seconds in
        let end = ContinuousClock.now + .seconds(seconds)
        let (counts, port) = (MailboxCounts(), RelayAttack.port(of: relay))
        let openers = HostileSockets.sources(max(8, Int(290 * scale)), networks: 3)
        let sweepers = HostileSockets.sources(max(4, Int(60 * scale))).map {
            $0.replacingOccurrences(of: "127.1.", with: "127.9.")
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await onThread { open(port, from: openers, until: end, counts) } }
            group.addTask { await onThread { sweep(port, from: sweepers, until: end, counts) } }
            group.addTask { await onThread { meet(port, until: end, counts) } }
            await group.waitForAll()
        }
        return counts.all
    }

    private static func onThread(_ body: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            Thread.detachNewThread {
                body()
                continuation.resume()
            }
        }
    }

    private static func open(
        _ port: Int, from sources: [String], until end: ContinuousClock.Instant, _ counts: MailboxCounts
    ) {
        let message = [UInt8](repeating: 9, count: 16 << 10)
        let claim = "Attune-Mailbox: " + String(repeating: "d", count: 32)
        var number = 0
        while ContinuousClock.now < end {
            let connection = RawConnection(port: port, source: sources[number % sources.count])
            number += 1
            guard
                let opened = try? connection.request(
                    "POST", "/v1/rendezvous", fields: ["Accept: application/json", claim])
            else { continue }
            counts.add(opened.status == 201 ? "opened" : "opening_refused")
            guard opened.status == 201, let name = nameplate(opened.answer) else { continue }
            for _ in 0..<8 {
                guard
                    let written = try? connection.request(
                        "POST", "/v1/rendezvous/\(name)/old", fields: [claim], body: message)
                else { continue }
                counts.add(written.status == 201 ? "messages" : "messages_refused")
            }
        }
    }

    /// Ends, takes and reads whichever mailboxes there are.
    private static func sweep(
        _ port: Int, from sources: [String], until end: ContinuousClock.Instant, _ counts: MailboxCounts
    ) {
        var number = 0
        while ContinuousClock.now < end {
            let connection = RawConnection(port: port, source: sources[number % sources.count])
            let path = "/v1/rendezvous/\(100 + number / 3 % 9900)"
            let claim = "Attune-Mailbox: " + String(repeating: "e", count: 32)
            let status =
                switch number % 3 {
                case 0: try? connection.request("DELETE", path, fields: [claim]).status
                case 1: try? connection.request("POST", path + "/new", fields: [claim], body: [1]).status
                default: try? connection.request("GET", path + "/old").status
                }
            number += 1
            let name =
                switch (number % 3, status) {
                case (1, 204): "burnt_by_sweep"
                case (2, 201): "taken_by_sweep"
                case (_, 429): "sweep_refused"
                default: "sweep_missed"
                }
            counts.add(name)
        }
    }

    /// Two devices of an honest person, at addresses of their own: one opens, both write, both read.
    private static func meet(_ port: Int, until end: ContinuousClock.Instant, _ counts: MailboxCounts) {
        var number = 0
        while ContinuousClock.now < end {
            let old = RawConnection(port: port, source: "127.20.\(1 + number / 200).\(1 + number % 200)")
            let new = RawConnection(port: port, source: "127.21.\(1 + number / 200).\(1 + number % 200)")
            number += 1
            let (one, two) = (
                "Attune-Mailbox: " + String(repeating: "1", count: 32),
                "Attune-Mailbox: " + String(repeating: "2", count: 32)
            )
            let opened = try? old.request("POST", "/v1/rendezvous", fields: ["Accept: application/json", one])
            guard let opened, opened.status == 201, let name = nameplate(opened.answer) else {
                counts.add("honest_without_mailbox")
                continue
            }
            usleep(20_000)
            let path = "/v1/rendezvous/\(name)"
            let statuses = [
                try? old.request("POST", path + "/old", fields: [one], body: [1, 2, 3]).status,
                try? new.request("POST", path + "/new", fields: [two], body: [4, 5, 6]).status,
                try? old.request("GET", path + "/new", fields: [one]).status,
                try? new.request("GET", path + "/old", fields: [two]).status,
            ]
            counts.add(statuses == [201, 201, 200, 200] ? "honest_met" : "honest_disturbed")
            _ = try? old.request("DELETE", path, fields: [one])
        }
    }

    private static func nameplate(_ answer: String) -> String? {
        guard let start = answer.range(of: "\"nameplate\":\"") else { return nil }
        let digits = answer[start.upperBound...].prefix { $0.isNumber }
        return digits.isEmpty ? nil : String(digits)
    }
}

/// Counts by name, from several threads.
private final class MailboxCounts: Sendable {
    private let counts = Mutex<[String: Int]>([:])
    func add(_ name: String) { counts.withLock { $0[name, default: 0] += 1 } }
    var all: [String: Int] { counts.withLock { $0 } }
}
