// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// Two machines on one network and no relay: the same transcript, over TLS 1.3 between the devices themselves.
@Suite struct SyncDirectTests {
    @Test func twoMachinesPairAndSyncWithoutARelay() throws {
        let first = try TinyStore()
        let second = try TinyStore(outside: first.outside)
        let third = try TinyStore(outside: first.outside)
        try SyncCircle.pairDirectly(first, second, name: "desk")
        #expect(try SyncCircle.devices(second) == ["desk", "loft"])

        let rows = try first.writeRows(40)
        try first.train(rows, name: "notes")
        try SyncCircle.serving(first) { try SyncCircle.sync(second, ["--direct", $0]) }
        #expect(try SyncCircle.answer(second, "notes") == SyncCircle.answer(first, "notes"))
        let log = try second.expect("sync", "log", exits: 0).output
        #expect(log.contains(" received"), "\(log)")
        #expect(log.contains("device loft: "), "\(log)")
        try SyncCircle.serving(first) { address in
            let said = try second.expect("sync", "now", "--direct", address, exits: 0).output
            #expect(said.hasPrefix("device loft: nothing new"), "\(said)")
        }

        // The other way round: what the device that connects has made reaches the one that serves.
        try first.train(rows, name: "notes", seed: 11, extra: ["--from", "notes"])
        try second.train(rows, name: "notes", seed: 12, extra: ["--from", "notes"])
        try SyncCircle.serving(first) { address in
            // What was sent may make the other side want more, so a second run finds nothing new.
            try SyncCircle.sync(second, ["--direct", address])
            try SyncCircle.sync(second, ["--direct", address])
        }
        let heads = try SyncCircle.heads(first, "notes")
        #expect(heads.count == 2)
        #expect(try SyncCircle.heads(second, "notes") == heads)
        try second.expect("sync", "resolve", "notes", "--merge", exits: 0)
        try SyncCircle.serving(first) { try SyncCircle.sync(second, ["--direct", $0]) }
        #expect(try SyncCircle.answer(second, "notes") == SyncCircle.answer(first, "notes"))

        // A name that is taken gets a number; a stranger's key is refused.
        try SyncCircle.pairDirectly(third, try TinyStore(outside: first.outside), name: "loft")
        #expect(try SyncCircle.devices(third) == ["loft", "loft-2"])
        // So does one that only looks as if it were.
        try SyncCircle.pairDirectly(third, try TinyStore(outside: first.outside), name: "l\u{43E}ft")
        #expect(try SyncCircle.devices(third) == ["loft", "loft-2", "l\u{43E}ft-3"])
        try SyncCircle.serving(first) { try third.expect("sync", "now", "--direct", $0, exits: 12) }
        try first.expect("devices", "revoke", "desk", "--yes", "--words-file", "/nonexistent", exits: 5)
    }

    @Test func silentConnectionsOfStrangersKeepNoDeviceOut() throws {
        let first = try TinyStore()
        let second = try TinyStore(outside: first.outside)
        try SyncCircle.pairDirectly(first, second, name: "desk")
        try SyncCircle.serving(first) { address in
            let port = try #require(address.split(separator: ":").last.flatMap { Int($0) })
            var held: [Int32] = []
            defer { for descriptor in held { close(descriptor) } }
            for number in 0..<256 {
                held.append(try RawConnection(port: port, source: "127.0.0.\(1 + number % 16)").opened(blocking: true))
            }
            let start = ContinuousClock.now
            try SyncCircle.sync(second, ["--direct", address])
            // Before, it was the minute until they are closed.
            #expect(ContinuousClock.now - start < .seconds(30))
        }
    }

    @Test func aWrongCodeFailsOnBothSidesWithoutARelayToo() throws {
        let first = try TinyStore()
        let second = try TinyStore(outside: first.outside)
        try SyncCircle.pairDirectly(
            first, second, name: "desk",
            code: { code in
                var parts = code.split(separator: "-").map(String.init)
                parts.swapAt(1, 2)
                if parts[1] == parts[2] { parts[3] = parts[1] }
                return parts.joined(separator: "-")
            }, exits: (12, 12))
        try second.expect("devices", "id", exits: 4)
    }
}
