// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// Adapters on all machines of a person, over real processes and sockets.
@Suite struct SyncTests {
    private static let document = "quillfeathered-secret"
    private static let adapter = "vexillology-notes"
    private static let markers = [document, adapter, "loftmachine", "deskmachine", "What of the boat"]

    @Test func twoMachinesShareTrainMergeAndPart() throws {
        let first = try TinyStore()
        let second = try TinyStore(outside: first.outside)
        let third = try TinyStore(outside: first.outside)
        // Everything that passes between the machines and the relay is kept, in both directions.
        let wire = try RecordingProxy()
        let relay = try RelayProcess(options: ["--authority", "127.0.0.1:\(wire.port)", "--open"])
        wire.start(to: UInt16(relay.port))
        let address = "http://127.0.0.1:\(wire.port)"

        let paired = try SyncCircle.pair(
            first, second, relays: (address, address), names: ("loftmachine", "deskmachine"))
        let words = try #require(paired.old.first { $0["words"] != nil }?["words"] as? [String])
        #expect(try paired.new.jsonLines().first?["words"] as? [String] == words)
        #expect(words.count == 3)

        // One trains, both sync, and the other answers with the same text.
        let rows = try first.writeRows(40, marker: Self.document)
        try first.train(rows, name: Self.adapter)
        try SyncCircle.sync(first)
        let taken = try SyncCircle.sync(second)
        #expect(taken["entries_taken"] as? Int ?? 0 >= 1)
        #expect(taken["chunks_taken"] as? Int ?? 0 >= 1)
        let answer = try SyncCircle.answer(first, Self.adapter)
        #expect(try SyncCircle.answer(second, Self.adapter) == answer)

        // Both go on without knowing of each other; then both have both heads.
        try first.train(rows, name: Self.adapter, seed: 11, extra: ["--from", Self.adapter])
        try second.train(rows, name: Self.adapter, seed: 12, extra: ["--from", Self.adapter])
        try SyncCircle.sync(first)
        try SyncCircle.sync(second)
        try SyncCircle.sync(first)
        let heads = try SyncCircle.heads(first, Self.adapter)
        #expect(heads.count == 2)
        #expect(try SyncCircle.heads(second, Self.adapter) == heads)
        let status = try first.expect("sync", "status", "--json", exits: 0).json()
        #expect(status["conflicts"] as? [String] == [Self.adapter])

        // One settles it by the sum of both, and the other follows.
        try first.expect("sync", "resolve", Self.adapter, "--merge", exits: 0)
        try SyncCircle.sync(first)
        try SyncCircle.sync(second)
        #expect(try SyncCircle.heads(first, Self.adapter).count == 1)
        #expect(try SyncCircle.heads(second, Self.adapter) == SyncCircle.heads(first, Self.adapter))
        #expect(try SyncCircle.answer(second, Self.adapter) == SyncCircle.answer(first, Self.adapter))

        // With a third machine in the circle, the second one is shut out and gets nothing published after.
        try SyncCircle.pair(first, third, relays: (address, address), names: ("loftmachine", "towermachine"))
        try SyncCircle.sync(third)
        #expect(try SyncCircle.answer(third, Self.adapter) == SyncCircle.answer(first, Self.adapter))
        try first.expect("devices", "revoke", "deskmachine", "--yes", exits: 0)
        let kept = try second.versions()
        try first.train(rows, name: Self.adapter, seed: 13, extra: ["--from", Self.adapter])
        try SyncCircle.sync(first)
        try SyncCircle.sync(second, exits: 6)
        #expect(try second.versions() == kept)
        try SyncCircle.sync(third)
        #expect(try SyncCircle.answer(third, Self.adapter) == SyncCircle.answer(first, Self.adapter))
        #expect(try third.versions().values.contains { !kept.values.contains($0) })

        // Neither the relay's folder nor the wire has a word of it.
        #expect(try PlaintextSearch.find(Self.markers, below: relay.folder) == [])
        let passed = wire.bytes
        #expect(passed.count > 200_000)
        for marker in Self.markers + ["towermachine"] {
            #expect(passed.range(of: Data(marker.utf8)) == nil, "\(marker) on the wire")
        }
        for machine in [first, second, third] {
            #expect(try PlaintextSearch.find(Self.markers, below: machine.attune.home.path) == [])
        }
    }

    @Test func aWrongCodeFailsOnBothSidesAndIsBurnt() throws {
        let first = try TinyStore()
        let second = try TinyStore(outside: first.outside)
        let relay = try RelayProcess()
        var shown = ""
        try SyncCircle.pair(
            first, second, relays: (relay.address, relay.address),
            code: { code in
                shown = code
                return Self.other(code)
            }, exits: (12, 12))
        // The right code is of no use any more.
        try second.expect(SyncCircle.join + ["--relay", relay.address, "--yes"], exits: 5, input: shown)
        #expect(try second.expect("devices", "list", "--json", exits: 0).json()["devices"] as? [Any] != nil)
        #expect(
            try PlaintextSearch.find(
                Array(shown.split(separator: "-").dropFirst().map(String.init)), below: relay.folder) == [])
    }

    /// The same mailbox with another last word.
    private static func other(_ code: String) -> String {
        var parts = code.split(separator: "-").map(String.init)
        let last = parts.removeLast()
        parts.append(last == parts[1] ? parts[2] : parts[1])
        return parts.joined(separator: "-")
    }

    /// Both machines had an adapter of one name before they met.
    @Test func oneNameForTwoAdaptersIsToldOnBothSides() throws {
        let first = try TinyStore()
        let second = try TinyStore(outside: first.outside)
        let relay = try RelayProcess()
        let rows = try first.writeRows(20)
        try first.train(rows, name: "notes")
        try second.train(rows, name: "notes", seed: 8)
        try SyncCircle.pair(first, second, relays: (relay.address, relay.address))
        try SyncCircle.sync(first)
        func told(_ store: TinyStore) throws -> [String] {
            try store.expect("sync", "now", exits: 0).output.split(separator: "\n").filter { $0.contains("called") }
                .map(String.init)
        }
        let sentence = "Two adapters are called notes, or look so: the one of loft is notes-loft here."
        #expect(try told(second) == [sentence])
        #expect(try told(second) == [])
        #expect(try second.expect("sync", "log", exits: 0).output.contains(sentence))
        let other = try SyncCircle.sync(first)["news"] as? [String]
        #expect(other == ["Two adapters are called notes, or look so: the one of desk is notes-desk here."])
        #expect(try first.versions().keys.sorted() == ["notes-desk@1", "notes@1"])
        withExtendedLifetime(relay) {}
    }
}
