// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import GRDB
import Testing

@testable import AttuneVault

/// After a clean end the database is whole in its one file, and what is older than the mark is not opened.
struct StoreMarkTests {
    /// The files of a store, to be put back one by one.
    struct Copy {
        let store: String
        let folder: String

        init(of store: TestStore, _ name: String) throws {
            self.store = store.path
            folder = store.directory.path + "/" + name
            try FileManager.default.copyItem(atPath: self.store, toPath: folder)
        }

        /// Puts the copied file in the place of the store's; one that was not there is removed.
        func putBack(_ name: String) throws {
            try? FileManager.default.removeItem(atPath: "\(store)/\(name)")
            if FileManager.default.fileExists(atPath: "\(folder)/\(name)") {
                try FileManager.default.copyItem(atPath: "\(folder)/\(name)", toPath: "\(store)/\(name)")
            }
        }
    }

    static func message(_ path: String, _ mode: Vault.Mode = .writing) -> String {
        failure { try TestStore.open(path, mode).close() }.map { "\($0)" } ?? ""
    }

    private static func filled(_ count: Int = 3) throws -> TestStore {
        let store = try TestStore()
        for seed in 1...count {
            try store.vault.versions.add(to: "adapter\(seed)", base: TestStore.base, TestStore.version(UInt8(seed)))
        }
        return store
    }

    @Test func afterACleanEndTheLogIsEmptyAndTheDatabaseIsWhole() throws {
        let store = try Self.filled()
        #expect(DurableFile.size(store.path + "/attune.db-wal") > 0)
        try store.vault.close()
        #expect(DurableFile.size(store.path + "/attune.db-wal") == 0)
        #expect(store.vault.remarks.isEmpty)
        for name in ["attune.db-wal", "attune.db-shm"] {
            try? FileManager.default.removeItem(atPath: "\(store.path)/\(name)")
        }
        #expect(try TestStore.open(store.path, .reading).adapters.all().count == 3)
    }

    @Test func aStoreThatIsLetGoWithoutBeingClosedIsClosed() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/store"
        do {
            let vault = try Vault.create(
                at: path, passphrase: TestStore.secret(TestStore.passphrase), recovery: .random(), cost: TestStore.cost)
            try vault.documents.put(name: "a", text: "alpha")
        }
        #expect(DurableFile.size(path + "/attune.db-wal") == 0)
        #expect(try TestStore.open(path).documents.all().count == 1)
    }

    @Test func closingTwiceIsClosingOnce() throws {
        let store = try Self.filled()
        try store.vault.close()
        try store.vault.close()
        #expect(failure { try store.vault.adapters.all() } != nil)
    }

    @Test func aReaderElsewhereDelaysNothingAndLosesNothing() throws {
        let store = try Self.filled()
        let reader = try TestStore.open(store.path, .reading)
        try reader.read { database in
            _ = try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM adapters")
            try store.vault.documents.put(name: "a", text: "alpha")
            let clock = ContinuousClock()
            let time = try clock.measure { try store.vault.close() }
            #expect(time < .seconds(2))
            #expect(store.vault.remarks.isEmpty)
        }
        try reader.close()
        let again = try TestStore.open(store.path)
        #expect(try again.documents.all().count == 1)
        try again.close()
        #expect(DurableFile.size(store.path + "/attune.db-wal") == 0)
    }

    @Test(arguments: [Vault.Mode.reading, .writing])
    func anOlderDatabaseIsNamedAndChunksStay(mode: Vault.Mode) throws {
        let store = try Self.filled()
        try store.vault.close()
        let copy = try Copy(of: store, "copy")
        let vault = try TestStore.open(store.path)
        try vault.versions.add(to: "later", base: TestStore.base, TestStore.version(9))
        try vault.close()
        let chunks = TestStore.chunkFiles(store.path)
        try copy.putBack("attune.db")
        let said = Self.message(store.path, mode)
        #expect(said.contains("E-VAULT-005"))
        #expect(said.contains("attune.db is an earlier copy"))
        #expect(said.contains("attune doctor --accept-older"))
        #expect(TestStore.chunkFiles(store.path) == chunks)
        // Without the log's changes nothing is written either.
        #expect(
            try Data(contentsOf: URL(filePath: store.path + "/attune.db"))
                == Data(contentsOf: URL(filePath: copy.folder + "/attune.db")))
    }

    @Test func aLogThatIsGoneIsNamed() throws {
        let store = try Self.filled()
        let copy = try Copy(of: store, "crashed")
        withExtendedLifetime(store.vault) {}
        for name in ["attune.db-wal", "attune.db-shm"] {
            try FileManager.default.removeItem(atPath: "\(copy.folder)/\(name)")
        }
        let said = Self.message(copy.folder)
        #expect(said.contains("E-VAULT-005"))
        #expect(said.contains("its log attune.db-wal was lost"))
        #expect(TestStore.chunkFiles(copy.folder).count == 3)
    }

    @Test func anOlderLogOverANewerDatabaseIsNamed() throws {
        let store = try Self.filled()
        let copy = try Copy(of: store, "crashed")
        try store.vault.documents.put(name: "a", text: "alpha")
        try store.vault.close()
        try copy.putBack("attune.db-wal")
        let said = Self.message(store.path)
        #expect(said.contains("E-VAULT-005"), "\(said)")
        #expect(said.contains("or is not the log of attune.db"), "\(said)")
        let vault = try TestStore.open(store.path, accepting: true)
        #expect(try vault.documents.all().count == 1)
        #expect(try vault.verify().isWhole)
        try vault.close()
        #expect(FileManager.default.fileExists(atPath: store.path + "/attune.db-wal.earlier"))
        #expect(Self.message(store.path) == "")
    }

    @Test func aCopyThatWasUsedApartIsNamed() throws {
        let store = try Self.filled()
        try store.vault.close()
        let copy = try Copy(of: store, "clone")
        for (path, text) in [(store.path, "here"), (copy.folder, "there")] {
            let vault = try TestStore.open(path)
            for index in 0..<(path == store.path ? 1 : 3) { try vault.documents.put(name: "\(index)", text: text) }
            try vault.close()
        }
        try copy.putBack("attune.db")
        #expect(Self.message(store.path).contains("used apart from it"))
    }

    @Test func anEarlierKeyFileIsNamed() throws {
        let store = try Self.filled()
        let copy = try Copy(of: store, "copy")
        try store.vault.changePassphrase(to: TestStore.secret("another"), cost: TestStore.cost)
        try store.vault.close()
        try copy.putBack("vault.key")
        #expect(Self.message(store.path).contains("vault.key is an earlier copy"))
        let vault = try TestStore.open(store.path, accepting: true)
        #expect(try vault.adapters.all().count == 3)
        try vault.close()
        #expect(Self.message(store.path) == "")
    }

    @Test func aMarkThatIsGoneChangedOrOfAnotherStoreIsNamed() throws {
        let store = try Self.filled()
        try store.vault.close()
        let mark = store.path + "/attune.mark"
        let bytes = try Data(contentsOf: URL(filePath: mark))
        try FileManager.default.removeItem(atPath: mark)
        #expect(Self.message(store.path).contains("attune.mark is missing"))
        let other = try Self.filled(1)
        try FileManager.default.copyItem(atPath: other.path + "/attune.mark", toPath: mark)
        #expect(Self.message(store.path).contains("the mark of another store"))
        try Data(count: 5).write(to: URL(filePath: mark))
        #expect(Self.message(store.path).contains("attune.mark was changed"))
        try bytes.write(to: URL(filePath: mark))
        #expect(Self.message(store.path) == "")
    }

    @Test func oneSpoiledHalfOfTheMarkDoesNoHarm() throws {
        let store = try Self.filled()
        try store.vault.close()
        for byte in [20, 4096 + 20] {
            try TestStore.flip(store.path + "/attune.mark", byte: byte)
            let vault = try TestStore.open(store.path)
            try vault.documents.put(name: "\(byte)", text: "text \(byte)")
            try vault.documents.put(name: "\(byte)b", text: "more text \(byte)")
            try vault.close()
        }
        #expect(try TestStore.open(store.path).documents.all().count == 4)
    }

    /// A crash between a commit and the mark leaves a mark that is behind, which is no damage.
    @Test func aMarkThatIsBehindRaisesNoAlarmAndFollows() throws {
        let store = try Self.filled(1)
        try store.vault.close()
        let copy = try Copy(of: store, "copy")
        for index in 0..<3 {
            let vault = try TestStore.open(store.path)
            try vault.documents.put(name: "\(index)", text: "text \(index)")
            try vault.close()
            try copy.putBack("attune.mark")
            #expect(Self.message(store.path, .reading) == "")
        }
        let before = try Data(contentsOf: URL(filePath: store.path + "/attune.mark"))
        try TestStore.open(store.path).close()
        #expect(try Data(contentsOf: URL(filePath: store.path + "/attune.mark")) != before)
    }

    @Test func anAcceptedDatabaseGoesOnAndItsChunksAreKept() throws {
        let store = try Self.filled(1)
        try store.vault.close()
        let copy = try Copy(of: store, "copy")
        let vault = try TestStore.open(store.path)
        try vault.versions.add(to: "later", base: TestStore.base, TestStore.version(9))
        try vault.close()
        let newer = try Copy(of: store, "newer")
        try copy.putBack("attune.db")
        let accepted = try TestStore.open(store.path, accepting: true)
        #expect(try accepted.adapters.all().map(\.name) == ["adapter1"])
        #expect(TestStore.chunkFiles(store.path).count == 2)
        try accepted.close()
        // The next opening sets aside what is not named; the newer database finds it there again.
        try TestStore.open(store.path).close()
        #expect(TestStore.chunkFiles(store.path).count == 1)
        try newer.putBack("attune.db")
        let reader = try TestStore.open(store.path, .reading)
        #expect(try reader.versions.bytes(reader.versions.fetch("later").id) == TestStore.bytes(3000, seed: 9))
        #expect(try reader.chunkInventory().missing == [])
        try reader.close()
        try TestStore.open(store.path).close()
        #expect(TestStore.chunkFiles(store.path).count == 2)
        #expect(!FileManager.default.fileExists(atPath: store.path + "/chunks/.lost"))
    }

    @Test func whatIsSetAsideIsRemovedAfterThirtyDays() throws {
        let store = try Self.filled(1)
        _ = try store.vault.chunks.store(BlobContent(TestStore.bytes(10)))
        try store.vault.close()
        let now = Date()
        func after(_ days: Double) throws -> ChunkInventory {
            let vault = try TestStore.open(store.path, now: { now.addingTimeInterval(days * 86_400) })
            defer { try? vault.close() }
            return try vault.chunkInventory()
        }
        #expect(try after(0).lost == 1)
        #expect(try after(29).lost == 1)
        #expect(try after(32).lost == 0)
        #expect(TestStore.files(store.path + "/chunks").count == 1)
    }

    /// Killed processes leave a log; what they wrote and did not list stays until the store was closed once.
    @Test func nothingIsSetAsideWhereTheLogWasNotEmpty() throws {
        let store = try Self.filled(1)
        _ = try store.vault.chunks.store(BlobContent(TestStore.bytes(10)))
        let copy = try Copy(of: store, "crashed")
        let vault = try TestStore.open(copy.folder)
        #expect(TestStore.chunkFiles(copy.folder).count == 2)
        try vault.close()
        try TestStore.open(copy.folder).close()
        #expect(TestStore.chunkFiles(copy.folder).count == 1)
        #expect(TestStore.files(copy.folder + "/chunks").count == 2)
    }

    @Test func writersThatTakeTurnsLeaveAMarkThatFits() throws {
        let store = try Self.filled(1)
        let other = {
            store.vault.yieldLock()
            return try TestStore.open(store.path)
        }
        let second = try other()
        for index in 0..<100 {
            let vault = index.isMultiple(of: 2) ? second : store.vault
            try vault.documents.put(name: "\(index)", text: "text \(index)")
            vault.yieldLock()
        }
        try second.close()
        try store.vault.close()
        let vault = try TestStore.open(store.path)
        #expect(try vault.documents.all().count == 100)
        #expect(try vault.read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM writers") } == 64)
    }

    @Test func whatChangesNothingLeavesTheMarkAlone() throws {
        let store = try Self.filled(1)
        let before = try store.vault.mark.read()
        try store.vault.versions.add(to: "adapter1", base: TestStore.base, TestStore.version(1))
        #expect(try store.vault.mark.read() == before)
        try store.vault.documents.put(name: "a", text: "alpha")
        #expect(try store.vault.mark.read() != before)
    }

    /// Both in turn on one database: what a commit takes with its count and its mark, and what it takes without.
    @Test func theMarkCostsLittleBesideACommit() throws {
        let store = try TestStore()
        let vault = store.vault
        func insert(_ database: Database) throws {
            try database.execute(sql: "INSERT INTO chats (title, created) VALUES ('a', 1)")
        }
        var (with, without): ([Duration], [Duration]) = ([], [])
        for _ in 0..<100 {
            with.append(try ContinuousClock().measure { try vault.write(insert) })
            without.append(try ContinuousClock().measure { try vault.database.write(insert) })
        }
        let ratio = with.sorted()[50] / without.sorted()[50]
        // Another 4 KiB in the log, and a write of 152 bytes; a busy machine gets some room.
        let limit = ProcessInfo.processInfo.environment["ATTUNE_STRICT_TIMES"] == nil ? 6 : 2.0
        #expect(ratio < limit, "\(with.sorted()[50]) beside \(without.sorted()[50])")
    }
}
