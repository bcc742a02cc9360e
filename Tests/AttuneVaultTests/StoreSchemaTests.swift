// Attune
// SPDX-License-Identifier: Apache-2.0

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

    @Test func documentsCannotBeMarkedAsAnythingButLocal() throws {
        let store = try TestStore()
        let error = failure {
            try store.vault.write { database in
                try database.execute(
                    sql:
                        "INSERT INTO documents (digest, name, text, bytes, added, local) VALUES (?, 'a', 'b', 1, 0, 0)",
                    arguments: [TestStore.base.data])
            }
        }
        #expect(error != nil)
    }
}
