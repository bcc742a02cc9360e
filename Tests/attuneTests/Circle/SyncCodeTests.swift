// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// What is sent, and what others can read, while a code waits for somebody to type it.
@Suite struct SyncCodeTests {
    @Test func aCodeThatNobodyAnswersLeavesNothingAtTheRelay() throws {
        let store = try TinyStore()
        let relay = try RelayProcess()
        try store.train(store.writeRows(24), name: "notes")
        let adding = try store.attune.start(["devices", "add", "--relay", relay.address, "--yes", "--json"])
        _ = try SyncCircle.code(adding)
        // While it waits, and after it was given up.
        let none = try store.expect("sync", "now", exits: 75)
        #expect(none.output.isEmpty)
        adding.send(SIGTERM)
        #expect(try adding.wait(limit: 40) != .signal(SIGKILL))
        try store.expect("sync", "now", exits: 75)
        #expect(try store.expect("sync", "now", "--relay", relay.address, exits: 5).errors.contains("E-SYNC-003"))
        #expect(try store.expect("sync", "status", "--json", exits: 0).json()["relay"] as? String == nil)

        // Once a device has joined, the relay is the circle's.
        let other = try TinyStore(outside: store.outside)
        try SyncCircle.pair(store, other, relays: (relay.address, relay.address))
        try SyncCircle.sync(store)
        try SyncCircle.sync(other)
        _ = try SyncCircle.answer(other, "notes")
    }

    @Test func theCodeStandsInNobodysArguments() throws {
        let store = try TinyStore()
        let other = try TinyStore(outside: store.outside)
        let relay = try RelayProcess()
        // What is shown for the other machine asks there for the code.
        let adding = try store.attune.start(["devices", "add", "--relay", relay.address, "--name", "loft", "--yes"])
        var shown: [String] = []
        while let line = adding.readLine() {
            shown.append(line)
            if line.contains("asked for") { break }
        }
        let code = try #require(shown.compactMap { $0.firstMatch(of: /\d{1,4}(-[a-z]+){3}/) }.first).output.0
        let commands = shown.filter { $0.contains("attune ") }
        #expect(commands.count == 2)
        for word in code.split(separator: "-").dropFirst() {
            #expect(commands.allSatisfy { !$0.contains(word) }, "\(commands)")
        }
        // One that is given as an argument is refused, since it was seen, and nothing is tried with it.
        let join = ["--relay", relay.address, "--yes"]
        let refused = try other.expect(["devices", "join", String(code)] + join, exits: 64)
        #expect(refused.errors.contains("--code-file"))
        let again = try AttuneProcess().run(["init", "--join", String(code)] + join)
        #expect(again.status == 64)
        #expect(again.errors.contains("--code-file"))
        // From a file, as from a descriptor, it is taken.
        let file = try store.outside.write(code + "\n", to: "code")
        try other.expect(["devices", "join", "--code-file", file, "--name", "desk"] + join, exits: 0)
        _ = adding.remainingLines()
        #expect(try adding.wait() == .exit(0))
        #expect(try SyncCircle.devices(store) == ["desk", "loft"])
    }
}
