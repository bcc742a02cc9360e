// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import Foundation
import GRDB
import Testing

@testable import AttuneVault

struct StoreSchemaTests {
    @Test func tablesOfANewStoreAreThoseOfSchemasStoreSql() throws {
        let queue = try DatabaseQueue()
        try StoreSchema.migrator.migrate(queue)
        let dump = try queue.read(StoreSchema.dump)
        let url = TestBase.tests.deletingLastPathComponent().appending(path: "schemas/store.sql")
        let header =
            "-- The tables of attune.db, format \(StoreSchema.format). Made by StoreSchemaTests with ATTUNE_WRITE=1.\n\n"
        if ProcessInfo.processInfo.environment["ATTUNE_WRITE"] == "1" {
            try (header + dump).write(to: url, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: url, encoding: .utf8) == header + dump)
    }

    @Test func formatNumberIsTheOneTheLastStepSets() throws {
        let queue = try DatabaseQueue()
        try StoreSchema.migrator.migrate(queue)
        #expect(try queue.read { try Int.fetchOne($0, sql: "PRAGMA user_version") } == StoreSchema.format)
        #expect(try queue.read { try Row.fetchAll($0, sql: "PRAGMA foreign_key_check").isEmpty })
    }

    /// A store in which a device said another's version first, and its word was taken for the other's.
    @Test func whatFormatTwoHeldAgainstSomebodyIsLookedAtAgain() throws {
        let queue = try DatabaseQueue()
        try StoreSchema.migrator.migrate(queue, upTo: "2")
        func data(_ byte: UInt8, _ count: Int) -> Data { Data(repeating: byte, count: count) }
        try queue.write { database in
            for (number, kind) in ["fork", "hidden", "rollback", "tensors"].enumerated() {
                try database.execute(
                    sql: """
                        INSERT INTO evidence (kind, device, number, held, other, remote, settled, time)
                        VALUES (?, ?, ?, x'', x'01', 'r', ?, 1)
                        """, arguments: [kind, data(9, 16), number + 1, kind == "tensors"])
            }
            try database.execute(
                sql: "INSERT INTO adapters (id, name, base, created) VALUES (?, 'notes', ?, 1)",
                arguments: [data(1, 16), data(2, 32)])
            try database.execute(
                sql: "INSERT INTO blobs (id, key, size, digest, state) VALUES (?, ?, 1, ?, 3)",
                arguments: [data(3, 16), data(3, 32), data(3, 32)])
            try database.execute(
                sql: """
                    INSERT INTO versions (id, adapter, number, parents, manifest, blob, created)
                    VALUES (?, ?, 1, '[]', '{}', ?, 1)
                    """, arguments: [data(4, 32), data(1, 16), data(3, 16)])
            for (byte, applied) in [(UInt8(21), 1), (22, 1), (23, 2)] {
                try database.execute(
                    sql: """
                        INSERT INTO entries (hash, device, seq, kind, lamport, bytes, applied)
                        VALUES (?, ?, 1, 1, 1, x'00', ?)
                        """, arguments: [data(byte, 32), data(byte, 16), applied])
            }
            for byte in [UInt8(21), 22] {
                try database.execute(
                    sql: """
                        INSERT INTO events (adapter, kind, version, entry, device, lamport)
                        VALUES (?, 'version', ?, ?, ?, 1)
                        """, arguments: [data(1, 16), data(4, 32), data(byte, 32), data(byte, 16)])
            }
        }
        try StoreSchema.migrator.migrate(queue)
        try queue.read { database in
            let evidence = try Row.fetchAll(database, sql: "SELECT * FROM evidence ORDER BY seq")
            #expect(evidence.map { $0["kind"] as String } == ["fork", "hidden", "rollback", "tensors"])
            #expect(evidence.map { ($0["author"] as Data).count } == [16, 0, 0, 16])
            #expect(evidence.map { $0["stops"] as Int } == [1, 0, 1, 0])
            #expect(evidence.map { $0["settled"] as Int } == [0, 0, 0, 1])
            let claims = try Row.fetchAll(database, sql: "SELECT * FROM claims")
            #expect(claims.map { $0["entry"] as Data } == [data(21, 32)])
            #expect(claims.map { $0["refused"] as Int } == [1])
            // The one that spoke second is heard now, and what was refused is opened again.
            #expect(
                try Int.fetchAll(database, sql: "SELECT applied FROM entries ORDER BY hash") == [1, 0, 0])
            #expect(try Row.fetchAll(database, sql: "PRAGMA foreign_key_check").isEmpty)
        }
    }

    @Test func documentsCannotBeMarkedAsAnythingButLocal() throws {
        let store = try TestStore()
        let error = failure {
            try store.vault.write { database in
                try database.execute(
                    sql:
                        "INSERT INTO documents (digest, name, text, bytes, added, local) VALUES (?, 'a', 'b', 1, 0, 0)",
                    arguments: [TestStore.base])
            }
        }
        #expect(error != nil)
    }
}
