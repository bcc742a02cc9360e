// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// A relay over PostgreSQL keeps what devices sync and can read nothing of it.
@Suite struct SyncDatabaseTests {
    private static let document = "quillfeathered-secret"
    private static let adapter = "vexillology-notes"
    private static let markers = [document, adapter, "loftmachine", "deskmachine", "What of the boat"]

    @Test(.enabled(if: PostgresServer.absence == nil, Comment(rawValue: PostgresServer.absence ?? "")))
    func theDatabaseHasNoWordOfWhatPassed() throws {
        let first = try TinyStore()
        let second = try TinyStore(outside: first.outside)
        let server = try PostgresServer()
        let relay = try RelayProcess(environment: ["ATTUNE_RELAY_DATABASE": server.address])
        try SyncCircle.pair(
            first, second, relays: (relay.address, relay.address), names: ("loftmachine", "deskmachine"))
        try first.train(try first.writeRows(40, marker: Self.document), name: Self.adapter)
        try SyncCircle.sync(first)
        try SyncCircle.sync(second)
        #expect(try SyncCircle.answer(second, Self.adapter) == SyncCircle.answer(first, Self.adapter))

        // As values, which the server may have compressed in its files, and as the bytes of those files.
        let folder = try TemporaryDirectory()
        let dump = folder.path + "/dump"
        try server.dump(to: dump)
        let hexadecimal = Self.markers.map { $0.utf8.map { String(format: "%02x", $0) }.joined() }
        #expect(try PlaintextSearch.find(Self.markers + hexadecimal, below: folder.path) == [])
        #expect(try PlaintextSearch.find(Self.markers, below: server.path) == [])

        // The search sees what is there: the id of the device that pushed, and whole chunks.
        let device = try #require(try first.expect("devices", "id", "--json", exits: 0).json()["id"] as? String)
        #expect(try !PlaintextSearch.find([device], below: folder.path).isEmpty)
        #expect(try Data(contentsOf: URL(filePath: dump)).count > 30_000)
        #expect(try !PlaintextSearch.find(["chunk_bytes"], below: server.path).isEmpty)
        #expect(!FileManager.default.fileExists(atPath: relay.folder))
        withExtendedLifetime(server) {}
    }
}
