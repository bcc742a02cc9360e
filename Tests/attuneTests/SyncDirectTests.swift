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
        try Self.pair(first, second, name: "desk")
        #expect(try Self.devices(second) == ["desk", "loft"])

        let rows = try first.writeRows(40)
        try first.train(rows, name: "notes")
        try Self.serving(first) { try SyncCircle.sync(second, ["--direct", $0]) }
        #expect(try SyncCircle.answer(second, "notes") == SyncCircle.answer(first, "notes"))
        let log = try second.expect("sync", "log", exits: 0).output
        #expect(log.contains(" received"), "\(log)")

        // The other way round: what the device that connects has made reaches the one that serves.
        try first.train(rows, name: "notes", seed: 11, extra: ["--from", "notes"])
        try second.train(rows, name: "notes", seed: 12, extra: ["--from", "notes"])
        try Self.serving(first) { address in
            // What was sent may make the other side want more, so a second run finds nothing new.
            try SyncCircle.sync(second, ["--direct", address])
            try SyncCircle.sync(second, ["--direct", address])
        }
        let heads = try SyncCircle.heads(first, "notes")
        #expect(heads.count == 2)
        #expect(try SyncCircle.heads(second, "notes") == heads)
        try second.expect("sync", "resolve", "notes", "--merge", exits: 0)
        try Self.serving(first) { try SyncCircle.sync(second, ["--direct", $0]) }
        #expect(try SyncCircle.answer(second, "notes") == SyncCircle.answer(first, "notes"))

        // A name that is taken gets a number; a stranger's key is refused.
        try Self.pair(third, try TinyStore(outside: first.outside), name: "loft")
        #expect(try Self.devices(third) == ["loft", "loft-2"])
        try Self.serving(first) { try third.expect("sync", "now", "--direct", $0, exits: 12) }
        try first.expect("devices", "revoke", "desk", "--yes", "--words-file", "/nonexistent", exits: 5)
    }

    @Test func aWrongCodeFailsOnBothSidesWithoutARelayToo() throws {
        let first = try TinyStore()
        let second = try TinyStore(outside: first.outside)
        try Self.pair(
            first, second, name: "desk",
            code: { code in
                var parts = code.split(separator: "-").map(String.init)
                parts.swapAt(1, 2)
                if parts[1] == parts[2] { parts[3] = parts[1] }
                return parts.joined(separator: "-")
            }, exits: (12, 12))
        try second.expect("devices", "id", exits: 4)
    }

    private static func pair(
        _ store: TinyStore, _ other: TinyStore, name: String, code change: (String) -> String = { $0 },
        exits: (Int32, Int32) = (0, 0)
    ) throws {
        let adding = try store.attune.start([
            "devices", "add", "--listen", "127.0.0.1:0", "--name", "loft", "--yes", "--json",
        ])
        let line = try #require(adding.readLine())
        let shown = try SyncCircle.object(line)
        let (code, address) = (try #require(shown["code"] as? String), try #require(shown["listen"] as? String))
        try other.expect(
            ["devices", "join", change(code), "--direct", address, "--name", name, "--yes", "--json"],
            exits: exits.1)
        _ = adding.remainingLines()
        #expect(try adding.wait() == .exit(exits.0))
    }

    /// Runs `body` with the address of a store that serves.
    private static func serving(_ store: TinyStore, _ body: (String) throws -> Void) throws {
        let process = try store.attune.start(["sync", "serve", "--listen", "127.0.0.1:0", "--json"])
        let line = try #require(process.readLine())
        let address = try #require(try SyncCircle.object(line)["listening"] as? String)
        try body(address)
        process.send(SIGTERM)
        #expect(try process.wait(limit: 40) != .signal(SIGKILL))
    }

    private static func devices(_ store: TinyStore) throws -> [String] {
        let list = try store.expect("devices", "list", "--json", exits: 0).json()
        return try #require(list["devices"] as? [[String: Any]]).compactMap { $0["name"] as? String }.sorted()
    }
}
