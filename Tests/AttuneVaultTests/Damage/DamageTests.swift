// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import GRDB
import Testing

@testable import AttuneVault

struct DamageTests {
    private static func filled() throws -> TestStore {
        let store = try filledWithDocuments()
        try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(1, count: 1_500_000))
        try store.vault.versions.add(to: "mail", base: TestStore.base, TestStore.version(2))
        let run = try store.vault.runs.create(
            adapter: "notes", configuration: "{}", base: TestStore.base, data: TestStore.data, steps: 9)
        try store.vault.runs.saveCheckpoint(BlobContent(TestStore.bytes(5000)), step: 1, of: run.id)
        return store
    }

    private static func filledWithDocuments() throws -> TestStore {
        let store = try TestStore()
        for index in 0..<200 {
            try store.vault.documents.put(name: "\(index)", text: String(repeating: "text \(index) ", count: 80))
        }
        return store
    }

    @Test func aWholeStoreHasNoProblems() throws {
        let store = try Self.filled()
        var calls: [Int] = []
        let report = try store.vault.verify { done, total in
            #expect(total == 3)
            calls.append(done)
        }
        #expect(report.isWhole)
        #expect(report.versions == 2)
        #expect(report.checkpoints == 1)
        #expect(report.chunks == 4)
        #expect(calls == [1, 2, 3])
    }

    @Test func aChangedBitInAnyChunkIsFound() throws {
        let store = try Self.filled()
        var generator = SystemRandomNumberGenerator()
        for file in TestStore.chunkFiles(store.path) {
            let size = try Data(contentsOf: URL(filePath: file)).count
            for byte in [0, size - 1, Int.random(in: 0..<size, using: &generator)] {
                try TestStore.flip(file, byte: byte, bit: byte % 8)
                #expect(try store.vault.verify().problems.map(\.code) == ["E-VAULT-005"], "\(file) \(byte)")
                try TestStore.flip(file, byte: byte, bit: byte % 8)
            }
        }
        #expect(try store.vault.verify().isWhole)
    }

    @Test func chunksThatAreGoneCutOrSwappedAreFound() throws {
        let store = try Self.filled()
        let version = try store.vault.versions.fetch("notes")
        let files = TestStore.chunkFiles(store.path).map { URL(filePath: $0) }
        let contents = try files.map { try Data(contentsOf: $0) }
        try FileManager.default.removeItem(at: files[0])
        #expect(try store.vault.verify().problems.count == 1)
        try contents[0].prefix(1000).write(to: files[0])
        #expect(try store.vault.verify().problems.count == 1)
        try (contents[0] + [0]).write(to: files[0])
        #expect(try store.vault.verify().problems.count == 1)
        // Each file holds what another one should hold.
        for (index, file) in files.enumerated() { try contents[(index + 1) % files.count].write(to: file) }
        #expect(try store.vault.verify().problems.map(\.subject).sorted().count == 3)
        let error = failure { try store.vault.versions.bytes(version.id) }
        #expect(error?.failureCode == "E-VAULT-005")
        #expect("\(error!)".contains("attune doctor"))
    }

    /// The database keeps its own list of chunks: mixing up the list is found by the seals.
    @Test func aListOfChunksInAnotherOrderIsFound() throws {
        let store = try Self.filled()
        try store.vault.write { database in
            try database.execute(
                sql: """
                    UPDATE chunks SET id = (SELECT c.id FROM chunks c
                        WHERE c.blob = chunks.blob AND c.position = 1 - chunks.position)
                    WHERE blob IN (SELECT blob FROM chunks WHERE position = 1)
                    """)
        }
        #expect(try store.vault.verify().problems.map(\.subject) == ["notes@1"])
    }

    @Test func aChangedBitInAnyPageIsFound() throws {
        let store = try Self.filledWithDocuments()
        try store.vault.compact()
        try store.vault.close()
        let path = store.path + "/attune.db"
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
        let pages = size / 4096
        #expect(pages > 50)
        for page in 0..<pages {
            let byte = page * 4096 + (page * 97 + 5) % 4096
            try TestStore.flip(path, byte: byte, bit: page % 8)
            var found = false
            do {
                let vault = try TestStore.open(store.path, .reading)
                found = try !vault.verify().isWhole
                try vault.close()
            } catch {
                found = true
                #expect(error.failureCode == "E-VAULT-005")
                #expect("\(error)".contains("attune doctor"))
                #expect(!"\(error)".contains("executing"), "\(error)")
            }
            #expect(found, "page \(page + 1)")
            try TestStore.flip(path, byte: byte, bit: page % 8)
        }
        let vault = try TestStore.open(store.path)
        #expect(try vault.verify().isWhole)
    }

    @Test func whatTheDatabaseRefusesIsSaidWithoutTheStatementAndItsValues() throws {
        let store = try Self.filledWithDocuments()
        let refused = failure {
            try store.vault.write {
                try $0.execute(sql: "INSERT INTO documents (nothing) VALUES (?)", arguments: ["dear diary"])
            }
        }
        #expect(
            refused.map { "\($0)" }
                == "E-VAULT-007 the database refused a statement (SQLite error 1: SQL logic error)\n  Run: attune doctor"
        )
        let misread = failure { try store.vault.read { try ChunkID.fetchAll($0, sql: "SELECT 'dear diary'") } }
        #expect(misread?.failureCode == "E-VAULT-005")
        #expect(misread.map { "\($0)".contains("diary") } == false)
        #expect(misread.map { "\($0)".contains("SELECT") } == false)
    }

    @Test func aDatabaseThatIsGoneIsNotMadeAnew() throws {
        let store = try Self.filled()
        try store.vault.close()
        try FileManager.default.removeItem(atPath: store.path + "/attune.db")
        #expect(failure { try TestStore.open(store.path) }?.failureCode == "E-VAULT-005")
        #expect(!FileManager.default.fileExists(atPath: store.path + "/attune.db"))
        #expect(TestStore.chunkFiles(store.path).count == 4)
    }

    @Test func orphansAreSetAsideByTheNextWriterAndOthersFilesAreNot() throws {
        let store = try Self.filled()
        let used = TestStore.chunkFiles(store.path)
        _ = try store.vault.chunks.store(BlobContent(TestStore.bytes(2_000_000)))
        #expect(TestStore.chunkFiles(store.path).count == used.count + 2)
        let fragment = store.path + "/tmp/" + String(repeating: "ab", count: 32)
        let mine = store.path + "/chunks/ab/letter.txt"
        try FileManager.default.createDirectory(
            atPath: store.path + "/chunks/ab", withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: URL(filePath: mine))
        try Data("part".utf8).write(to: URL(filePath: fragment))
        try store.vault.close()
        try TestStore.open(store.path, .reading).close()
        #expect(TestStore.chunkFiles(store.path).count == used.count + 3)
        let vault = try TestStore.open(store.path)
        #expect(TestStore.chunkFiles(store.path) == (used + [mine]).sorted())
        #expect(try vault.chunkInventory().lost == 2)
        #expect(!FileManager.default.fileExists(atPath: fragment))
        #expect(try vault.verify().isWhole)
    }

    /// The log is seldom empty beside a process that writes now and then; it is no killed one's then.
    @Test func orphansAreSetAsideBesideAProcessThatHasTheStoreOpen() throws {
        let store = try Self.filled()
        _ = try store.vault.chunks.store(BlobContent(TestStore.bytes(2_000_000)))
        let all = TestStore.chunkFiles(store.path).count
        try store.vault.documents.put(name: "later", text: "later")
        #expect(DurableFile.size(store.path + "/attune.db-wal") > 0)
        let killed = store.directory.path + "/killed"
        try FileManager.default.copyItem(atPath: store.path, toPath: killed)
        try? FileManager.default.removeItem(atPath: killed + "/attune.db-shm")
        try TestStore.open(killed).close()
        #expect(TestStore.chunkFiles(killed).count == all)
        store.vault.yieldLock()
        let other = try TestStore.open(store.path)
        #expect(TestStore.chunkFiles(store.path).count == all - 2)
        #expect(try other.chunkInventory().lost == 2)
        #expect(try other.verify().isWhole)
    }

    @Test func aFailedTransactionLeavesNoChunks() throws {
        let store = try Self.filled()
        let used = TestStore.chunkFiles(store.path)
        let error = failure {
            try store.vault.runs.saveCheckpoint(BlobContent(TestStore.bytes(10)), step: 1, of: RunID("none"))
        }
        #expect(error?.failureCode == "E-VAULT-030")
        let blob = try store.vault.chunks.store(BlobContent([1, 2, 3]))
        #expect(failure { try store.vault.keeping(blob) { _ in throw VaultError.nothingToUndo } } != nil)
        #expect(TestStore.chunkFiles(store.path) == used)
    }
}
