// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// Stores that are the machines of one person, and how they pair and sync over the real binaries.
struct SyncCircle {
    /// Joins with the code that comes on standard input.
    static let join = ["devices", "join", "--code-file", "-"]

    /// Pairs `other` with `store` over a relay; returns what both printed.
    ///
    /// - Parameter relays: the addresses by which the two reach the relay.
    @discardableResult
    static func pair(
        _ store: TinyStore, _ other: TinyStore, relays: (String, String), names: (String, String) = ("loft", "desk"),
        code change: (String) -> String = { $0 }, exits: (Int32, Int32) = (0, 0),
        _ location: SourceLocation = #_sourceLocation
    ) throws -> (old: [[String: Any]], new: AttuneProcess.Result) {
        let adding = try store.attune.start([
            "devices", "add", "--relay", relays.0, "--name", names.0, "--yes", "--json",
        ])
        let code = try Self.code(adding)
        let joined = try other.expect(
            Self.join + ["--relay", relays.1, "--name", names.1, "--yes", "--json"], exits: exits.1,
            input: change(code), location)
        let lines = adding.remainingLines()
        #expect(try adding.wait() == .exit(exits.0), sourceLocation: location)
        return (try lines.map(Self.object), joined)
    }

    /// Pairs `other`, which gets a name, with `store`, which waits for it; no relay is there.
    static func pairDirectly(
        _ store: TinyStore, _ other: TinyStore, name: String, code change: (String) -> String = { $0 },
        exits: (Int32, Int32) = (0, 0)
    ) throws {
        let adding = try store.attune.start([
            "devices", "add", "--listen", "127.0.0.1:0", "--name", "loft", "--yes", "--json",
        ])
        let shown = try object(try #require(adding.readLine()))
        let (code, address) = (try #require(shown["code"] as? String), try #require(shown["listen"] as? String))
        try other.expect(
            Self.join + ["--direct", address, "--name", name, "--yes", "--json"], exits: exits.1,
            input: change(code))
        _ = adding.remainingLines()
        #expect(try adding.wait() == .exit(exits.0))
    }

    /// Runs `body` with the address of a store that serves.
    static func serving(_ store: TinyStore, _ body: (String) throws -> Void) throws {
        let process = try store.attune.start(["sync", "serve", "--listen", "127.0.0.1:0", "--json"])
        let line = try #require(process.readLine())
        let address = try #require(try object(line)["listening"] as? String)
        try body(address)
        process.send(SIGTERM)
        #expect(try process.wait(limit: 40) != .signal(SIGKILL))
    }

    /// Names of the active devices, as `store` knows them.
    static func devices(_ store: TinyStore) throws -> [String] {
        let list = try store.expect("devices", "list", "--json", exits: 0).json()
        return try #require(list["devices"] as? [[String: Any]]).compactMap { $0["name"] as? String }.sorted()
    }

    /// The code that `devices add --json` prints first.
    static func code(_ process: ChildProcess) throws -> String {
        let line = try #require(process.readLine(), "devices add printed nothing")
        return try #require(try object(line)["code"] as? String, "\(line)")
    }

    static func object(_ line: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    /// `attune sync now`, to be complete.
    @discardableResult
    static func sync(
        _ store: TinyStore, _ options: [String] = [], exits: Int32 = 0, _ location: SourceLocation = #_sourceLocation
    ) throws -> [String: Any] {
        try store.expect(["sync", "now", "--json"] + options, exits: exits, location).json()
    }

    /// Tokens of a greedy answer.
    static func answer(_ store: TinyStore, _ name: String) throws -> [Int] {
        let arguments = ["ask", name, "What of the boat 3?", "--temp", "0", "--max", "12", "--json"]
        return try #require(try store.expect(arguments, exits: 0).json()["tokens"] as? [Int])
    }

    /// Ids of the heads of an adapter.
    static func heads(_ store: TinyStore, _ name: String) throws -> Set<String> {
        let list = try store.expect("adapters", "heads", name, "--json", exits: 0).json()
        let adapters = try #require(list["adapters"] as? [[String: Any]])
        return Set(adapters.compactMap { $0["id"] as? String })
    }
}
