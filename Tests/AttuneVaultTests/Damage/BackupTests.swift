// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import GRDB
import Testing

@testable import AttuneVault

struct BackupTests {
    /// A store with every kind of thing that a backup has to bring back, closed or open.
    static func filled() throws -> TestStore {
        let store = try TestStore()
        for index in 0..<40 {
            try store.vault.documents.put(name: "\(index)", text: String(repeating: "text \(index) ", count: 80))
        }
        try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(1, count: 1_500_000))
        try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(2))
        try store.vault.versions.add(to: "mail", base: TestStore.base, TestStore.version(3))
        let run = try store.vault.runs.create(
            adapter: "notes", configuration: "{}", base: TestStore.base, data: TestStore.data, steps: 9)
        try store.vault.runs.saveCheckpoint(BlobContent(TestStore.bytes(5000)), step: 1, of: run.id)
        let chat = try store.vault.chats.create(title: "a talk")
        try store.vault.chats.append(.user, "what of the boat", to: chat.id)
        return store
    }

    static func opened(_ path: String) throws -> Backup {
        try Backup.open(at: path, passphrase: TestStore.secret(TestStore.passphrase))
    }

    /// Every row of every table, as text.
    static func rows(_ vault: Vault) throws -> [String] {
        try vault.read { database in
            let tables = try String.fetchAll(
                database, sql: "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            return try tables.sorted().flatMap { table in
                try Row.fetchAll(database, sql: "SELECT * FROM \"\(table)\"").map { row in
                    let values = row.databaseValues.map { value in
                        Data.fromDatabaseValue(value).map { Hex.encode(Array($0)) } ?? "\(value)"
                    }
                    return "\(table) \(values.joined(separator: "|"))"
                }
            }
        }
    }

    /// The bytes of every file below a folder, by its path in it.
    static func contents(_ path: String) throws -> [String: Data] {
        try TestStore.files(path).reduce(into: [:]) {
            $0[String($1.dropFirst(path.count + 1))] = try Data(contentsOf: URL(filePath: $1))
        }
    }

    @Test func aRestoredStoreIsTheStoreThatWasBackedUp() throws {
        let store = try Self.filled()
        let backup = store.directory.path + "/backup"
        let report = try store.vault.backUp(to: backup)
        #expect(report.state == 1)
        #expect(report.chunksCopied == 5)
        #expect(report.damage == [])
        let rows = try Self.rows(store.vault)
        try store.vault.close()
        // On another disk, and the store is gone.
        let other = try TemporaryDirectory()
        try FileManager.default.copyItem(atPath: backup, toPath: other.path + "/moved")
        try FileManager.default.removeItem(atPath: store.path)
        let before = try Self.contents(other.path + "/moved")
        let restored = try Self.opened(other.path + "/moved").restore(to: other.path + "/store")
        #expect(restored.versions == 3)
        #expect(restored.chunks == 5)
        #expect(try Self.contents(other.path + "/moved") == before)
        let vault = try TestStore.open(other.path + "/store")
        #expect(try vault.verify().isWhole)
        #expect(try Self.rows(vault) == rows)
        try vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(9))
        try vault.close()
        let words = store.words.joined(separator: " ")
        let byWords = try Vault.open(
            at: other.path + "/store", recovery: RecoveryWords(words: words),
            mode: .reading)
        #expect(try byWords.versions.fetch("notes").number == 3)
        #expect(
            try Backup.open(
                at: other.path + "/moved",
                recovery: RecoveryWords(words: words)
            ).states == [1])
        let wrong = failure { try Backup.open(at: other.path + "/moved", passphrase: TestStore.secret("another")) }
        #expect(wrong?.failureCode == "E-KEY-001")
    }

    @Test func onlyNewChunksAreCopiedAndNoneIsShared() throws {
        let store = try Self.filled()
        let backup = store.directory.path + "/backup"
        let first = try store.vault.backUp(to: backup)
        let second = try store.vault.backUp(to: backup)
        #expect(second.chunksCopied == 0)
        #expect(second.bytesCopied == 0)
        #expect(second.chunks == first.chunks)
        try store.vault.versions.add(to: "mail", base: TestStore.base, TestStore.version(4))
        var options = BackupOptions()
        options.isQuick = true
        let third = try store.vault.backUp(to: backup, options: options)
        #expect(third.chunksCopied == 1)
        #expect(third.bytesCopied == third.chunkBytes - second.chunkBytes)
        #expect(third.states == [2, 3])
        for file in TestStore.files(backup) {
            let links = try FileManager.default.attributesOfItem(atPath: file)[.referenceCount] as? Int
            #expect(links == 1, "\(file)")
        }
        #expect(try Self.opened(backup).verify().problems == [])
    }

    @Test func statesBeyondThoseKeptGoWithTheChunksThatOnlyTheyNeeded() throws {
        let store = try Self.filled()
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        try store.vault.adapters.trash("mail")
        try store.vault.trash.purge(olderThan: 0)
        let second = try store.vault.backUp(to: backup)
        #expect(second.chunksDropped == 0)
        #expect(TestStore.chunkFiles(backup).count == 5)
        // The state before the loss still has it.
        try Self.opened(backup).restore(to: store.directory.path + "/earlier", state: 1)
        #expect(try TestStore.open(store.directory.path + "/earlier").adapters.all().map(\.name) == ["notes", "mail"])
        let third = try store.vault.backUp(to: backup)
        #expect(third.states == [2, 3])
        #expect(third.chunksDropped == 1)
        #expect(TestStore.chunkFiles(backup).count == 4)
        let report = try Self.opened(backup).verify()
        #expect(report.problems == [])
        #expect(report.wholeStates == [2, 3])
        let gone = failure { try Self.opened(backup).restore(to: store.directory.path + "/none", state: 1) }
        #expect(gone?.failureCode == "E-BACKUP-001")
        var one = BackupOptions()
        one.keep = 1
        #expect(try store.vault.backUp(to: backup, options: one).states == [4])
    }

    @Test(arguments: ["chunks", "states", "tmp", "chunks/00", "states/9"])
    func aFolderThatIsALinkIsNotWrittenThrough(name: String) throws {
        let (store, other) = (try Self.filled(), try Self.filled())
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        let theirs = TestStore.chunkFiles(other.path).count
        try? FileManager.default.removeItem(atPath: "\(backup)/\(name)")
        try FileManager.default.createSymbolicLink(
            atPath: "\(backup)/\(name)", withDestinationPath: other.path + "/chunks")
        let refused = failure { try store.vault.backUp(to: backup) }
        #expect(refused?.failureCode == "E-BACKUP-002")
        #expect(refused.map { "\($0)" }?.contains("\(name) is a link") == true)
        #expect(TestStore.chunkFiles(other.path).count == theirs)
    }

    @Test func statesOfAnotherStoreStay() throws {
        let (store, other) = (try Self.filled(), try Self.filled())
        let (backup, theirs) = (store.directory.path + "/backup", other.directory.path + "/backup")
        try store.vault.backUp(to: backup)
        try other.vault.backUp(to: theirs)
        try FileManager.default.copyItem(atPath: theirs + "/states/1", toPath: backup + "/states/2")
        for chunk in TestStore.chunkFiles(theirs) {
            let target = chunk.replacing(theirs, with: backup)
            let folder = URL(filePath: target).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: chunk, toPath: target)
        }
        let chunks = Set(TestStore.chunkFiles(backup))
        var one = BackupOptions()
        one.keep = 1
        #expect(try store.vault.backUp(to: backup, options: one).states == [2, 3])
        #expect(Set(TestStore.chunkFiles(backup)).isSuperset(of: chunks))
    }

    @Test func noStateGoesWhileSomebodyReadsTheBackup() throws {
        let store = try Self.filled()
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        var one = BackupOptions()
        one.keep = 1
        do {
            let (reader, other) = (try Self.opened(backup), try Self.opened(backup))
            let refused = failure { try store.vault.backUp(to: backup, options: one) }
            #expect(refused?.failureCode == "E-BACKUP-005")
            #expect(try reader.verify().wholeStates == [1])
            #expect(try other.verify().wholeStates == [1])
        }
        #expect(try store.vault.backUp(to: backup, options: one).states == [2])
        let writer = try BackupFolder(existing: backup).lock()
        #expect(failure { _ = try Self.opened(backup) }?.failureCode == "E-BACKUP-005")
        withExtendedLifetime(writer) {}
    }

    @Test func aDamagedStateStandsForNoneThatIsKept() throws {
        let store = try Self.filled()
        let backup = store.directory.path + "/backup"
        for _ in 0..<2 { try store.vault.backUp(to: backup) }
        try TestStore.flip(backup + "/states/2/attune.db", byte: 9000)
        #expect(try store.vault.backUp(to: backup).states == [1, 2, 3])
        #expect(try Self.opened(backup).verify().wholeStates == [1, 3])
        // With two whole ones after it, what is older goes.
        #expect(try store.vault.backUp(to: backup).states == [3, 4])
    }

    @Test func aStateThatLacksAChunkStandsForNoneThatIsKept() throws {
        let store = try Self.filled()
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        let before = Set(TestStore.chunkFiles(backup))
        try store.vault.versions.add(to: "more", base: TestStore.base, TestStore.version(77))
        try store.vault.backUp(to: backup)
        for chunk in Set(TestStore.chunkFiles(backup)).subtracting(before) {
            try FileManager.default.removeItem(atPath: chunk)
        }
        try store.vault.adapters.trash("more")
        try store.vault.trash.purge(olderThan: 0)
        #expect(try store.vault.backUp(to: backup).states == [1, 2, 3])
        #expect(try Self.opened(backup).verify().wholeStates == [1, 3])
    }

    enum Harm: CaseIterable { case flipped, cut, missing }

    @Test(arguments: Harm.allCases) func harmToAnyFileIsNamedAndNeverRestored(_ harm: Harm) throws {
        let store = try Self.filled()
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        let target = store.directory.path + "/restored"
        for (position, file) in TestStore.files(backup).enumerated() {
            let whole = try Data(contentsOf: URL(filePath: file))
            switch harm {
            case .flipped: try TestStore.flip(file, byte: whole.count * (position % 7) / 7, bit: position % 8)
            case .cut: try whole.dropLast(1 + whole.count * (position % 3) / 4).write(to: URL(filePath: file))
            case .missing: try FileManager.default.removeItem(atPath: file)
            }
            let name = URL(filePath: file).lastPathComponent
            do {
                let opened = try Self.opened(backup)
                let problems = try opened.verify().problems.map { "\($0.subject) \($0.message)" }
                let named = file.contains("/chunks/") ? String(name.prefix(12)) : name
                #expect(problems.contains { $0.contains(named) }, "\(file): \(problems)")
                if name == "attune.backup" {
                    // It says nothing that a restore needs.
                    try opened.restore(to: target)
                    try FileManager.default.removeItem(atPath: target)
                } else {
                    let error = failure { try opened.restore(to: target) }
                    #expect(error?.failureCode == "E-BACKUP-004", "\(file)")
                }
            } catch {
                #expect(name == "vault.key", "\(file): \(error)")
                #expect(["E-BACKUP-004", "E-KEY-001", "E-KEY-003"].contains(error.failureCode), "\(file): \(error)")
            }
            #expect(!FileManager.default.fileExists(atPath: target))
            try whole.write(to: URL(filePath: file))
        }
        #expect(try Self.opened(backup).verify().problems == [])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: store.directory.path).sorted() == ["backup", "store"])
    }

    @Test func theNextBackupMendsWhatTheFolderLost() throws {
        let store = try Self.filled()
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        let chunks = TestStore.chunkFiles(backup)
        try TestStore.flip(chunks[0], byte: 77)
        try FileManager.default.removeItem(atPath: chunks[1])
        try TestStore.flip(backup + "/states/1/attune.db", byte: 5000)
        #expect(try Self.opened(backup).verify().problems.count >= 3)
        let report = try store.vault.backUp(to: backup)
        #expect(report.chunksCopied == 2)
        let verified = try Self.opened(backup).verify()
        #expect(verified.wholeStates == [2])
        #expect(failure { try Self.opened(backup).restore(to: store.directory.path + "/a", state: 1) } != nil)
        try Self.opened(backup).restore(to: store.directory.path + "/b")
        // States whose chunk lists are known keep their chunks; then the damaged state goes.
        try store.vault.backUp(to: backup)
        #expect(try Self.opened(backup).verify().problems == [])
    }

    @Test func aDamagedStoreReplacesNoGoodState() throws {
        let store = try Self.filled()
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        try store.vault.versions.add(to: "mail", base: TestStore.base, TestStore.version(4))
        let states = try Self.contents(backup + "/states")
        let added = TestStore.chunkFiles(store.path).filter { file in
            !TestStore.chunkFiles(backup).contains { $0.hasSuffix(URL(filePath: file).lastPathComponent) }
        }
        #expect(added.count == 1)
        try TestStore.flip(added[0], byte: 3)
        let error = failure { try store.vault.backUp(to: backup) }
        #expect(error?.failureCode == "E-VAULT-005")
        #expect("\(error!)".contains("mail@2"))
        #expect("\(error!)".contains("doctor --repair"))
        #expect(try Self.contents(backup + "/states") == states)
        try TestStore.flip(added[0], byte: 3)
        // What the backup has whole is added all the same, and the store's damage is told.
        let known = TestStore.chunkFiles(backup)[0]
        let lost = store.path + "/chunks/" + known.suffix(67)
        try FileManager.default.removeItem(atPath: lost)
        let report = try store.vault.backUp(to: backup)
        #expect(report.state == 2)
        #expect(report.damage.count == 1)
        try Self.opened(backup).restore(to: store.directory.path + "/mended")
        #expect(try TestStore.open(store.directory.path + "/mended").verify().isWhole)
    }

    @Test func aPageThatDoesNotOpenStopsTheBackup() throws {
        let store = try Self.filled()
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        try store.vault.compact()
        try store.vault.close()
        let states = try Self.contents(backup + "/states")
        try TestStore.flip(store.path + "/attune.db", byte: 20 * 4096 + 9)
        let error = failure { try TestStore.open(store.path, .reading).backUp(to: backup) }
        #expect(error?.failureCode == "E-VAULT-005")
        #expect(try Self.contents(backup + "/states") == states)
        #expect(!FileManager.default.fileExists(atPath: backup + "/tmp"))
    }

    @Test func foldersThatAreNotForIt() throws {
        let store = try Self.filled()
        let other = try TestStore()
        try other.vault.backUp(to: other.directory.path + "/backup")
        let files = try store.directory.write("mine", to: "mine/letter.txt")
        let before = try Self.contents(store.path).filter { !$0.key.hasSuffix("-shm") }
        for path in [store.path, store.path + "/below/it", store.directory.path, store.directory.path + "/mine", files]
        {
            let error = failure { try store.vault.backUp(to: path) }
            #expect(error?.failureCode == "E-BACKUP-002", "\(path)")
        }
        let error = failure { try store.vault.backUp(to: other.directory.path + "/backup") }
        #expect(error?.failureCode == "E-BACKUP-003")
        #expect(try Self.contents(store.path).filter { !$0.key.hasSuffix("-shm") } == before)
        #expect(try Self.opened(other.directory.path + "/backup").verify().problems == [])
        // The folder of a store beside, whose name begins alike.
        #expect(try store.vault.backUp(to: store.path + "-backup").state == 1)
    }

    @Test func aStoreThatIsThereIsNotRestoredOver() throws {
        let store = try Self.filled()
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        let rows = try Self.rows(store.vault)
        let files = try store.directory.write("mine", to: "mine/letter.txt")
        for path in [store.path, store.directory.path + "/mine"] {
            #expect(failure { try Self.opened(backup).restore(to: path) }?.failureCode == "E-VAULT-008", "\(path)")
        }
        #expect(try Self.rows(store.vault) == rows)
        #expect(FileManager.default.fileExists(atPath: files))
        try FileManager.default.createDirectory(
            atPath: store.directory.path + "/empty", withIntermediateDirectories: true)
        #expect(try Self.opened(backup).restore(to: store.directory.path + "/empty").versions == 3)
    }

    /// An earlier copy of the store adds nothing unless it is meant, and takes nothing away then.
    @Test func anEarlierCopyTakesNoNewerStateAway() throws {
        let store = try Self.filled()
        let (backup, copy) = (store.directory.path + "/backup", store.directory.path + "/copy")
        try store.vault.close()
        try FileManager.default.copyItem(atPath: store.path, toPath: copy)
        let newer = try TestStore.open(store.path)
        try newer.backUp(to: backup)
        try newer.documents.put(name: "later", text: "made later")
        try newer.backUp(to: backup)
        let before = try Self.contents(backup)
        let older = try TestStore.open(copy)
        let refused = failure { try older.backUp(to: backup) }
        #expect(refused?.failureCode == "E-BACKUP-008")
        #expect("\(try #require(refused))".contains("state 2"))
        #expect(try Self.contents(backup) == before)
        // Used on by itself it is no newer.
        try older.documents.put(name: "apart", text: "made apart")
        #expect(failure { try older.backUp(to: backup) }?.failureCode == "E-BACKUP-008")
        var options = BackupOptions()
        options.keep = 1
        options.acceptsOlder = true
        let report = try older.backUp(to: backup, options: options)
        #expect(report.statesAhead == [2])
        #expect(report.states == [2, 3])
        options.acceptsOlder = false
        #expect(try older.backUp(to: backup, options: options).states == [2, 4])
        #expect(failure { try newer.backUp(to: backup) }?.failureCode == "E-BACKUP-008")
        #expect(try Self.opened(backup).verify().wholeStates == [2, 4])
        // What is restored of a state goes on from it.
        let place = store.directory.path + "/restored"
        try Self.opened(backup).restore(to: place)
        let restored = try TestStore.open(place)
        try restored.documents.put(name: "after", text: "after the restore")
        #expect(try restored.backUp(to: backup).statesAhead == [2])
    }

    /// The next backup would empty `tmp`, and a store is no place for another.
    @Test func noStoreIsMadeInABackupOrAStore() throws {
        let store = try Self.filled()
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        try FileManager.default.createSymbolicLink(
            atPath: store.directory.path + "/link", withDestinationPath: backup)
        let before = TestStore.files(store.directory.path).sorted()
        for inside in ["backup/tmp", "backup/inside", "backup/chunks/x/y", "backup/states/9", "store/new", "link/x/y"] {
            let path = "\(store.directory.path)/\(inside)"
            let opened = try Self.opened(backup)
            for error in [
                failure { try opened.restore(to: path) }, failure { try opened.salvage(to: path) },
                failure {
                    try Vault.create(
                        at: path, passphrase: TestStore.secret("x"), recovery: .random(), cost: TestStore.cost)
                },
            ] { #expect(error?.failureCode == "E-VAULT-008", "\(inside)") }
        }
        #expect(TestStore.files(store.directory.path).sorted() == before)
        let other = try TestStore()
        for path in [store.path + "/backup", backup + "/tmp/x"] {
            #expect(failure { try other.vault.backUp(to: path) }?.failureCode == "E-BACKUP-002", "\(path)")
        }
    }

    @Test func aBackupThatCannotBeWrittenToIsTheOneToLookAt() throws {
        let store = try Self.filled()
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        try FileManager.default.removeItem(atPath: backup + "/chunks")
        try Data().write(to: URL(filePath: backup + "/chunks"))
        let text = "\(try #require(failure { try store.vault.backUp(to: backup) }))"
        #expect(text.contains("See that \(backup)"), "\(text)")
        #expect(!text.contains("attune doctor"), "\(text)")
    }

    @Test func aFullDiskKeepsTheEarlierState() async throws {
        let store = try Self.filled()
        let (path, backup) = (store.path, store.directory.path + "/backup")
        try store.vault.backUp(to: backup)
        for index in 0..<100 {
            try store.vault.documents.put(name: "more \(index)", text: String(repeating: "more \(index) ", count: 800))
        }
        try store.vault.versions.add(to: "mail", base: TestStore.base, TestStore.version(4))
        try store.vault.close()
        let states = try Self.contents(backup + "/states")
        for kilobytes in [0, 1, 64, 300] {
            await #expect(processExitsWith: .success) {
                [path = path as String, backup = backup as String, kilobytes = kilobytes as Int] in
                let vault = try TestStore.open(path, .reading)
                signal(SIGXFSZ, SIG_IGN)
                var limit = rlimit(rlim_cur: rlim_t(kilobytes << 10), rlim_max: rlim_t.max)
                setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                let error = failure { try vault.backUp(to: backup) }
                guard error?.failureCode == "E-VAULT-006", error?.failureStatus == .doesNotFit else {
                    FileHandle.standardError.write(Data("\(kilobytes) KiB: \(String(describing: error))\n".utf8))
                    exit(1)
                }
                exit(0)
            }
            #expect(try Self.contents(backup + "/states") == states, "\(kilobytes)")
            #expect(!FileManager.default.fileExists(atPath: backup + "/tmp"))
        }
        #expect(try Self.opened(backup).verify().problems == [])
        #expect(try TestStore.open(path, .reading).backUp(to: backup).state == 2)
    }

    /// Versions come and go, and checkpoints replace each other, while the store is copied again and again.
    @Test func aStoreThatIsWrittenToIsCopiedAsItWasAtOneMoment() throws {
        let store = try Self.filled()
        let backup = store.directory.path + "/backup"
        let run = try #require(try store.vault.runs.all().first?.id)
        let reader = try TestStore.open(store.path, .reading)
        let isDone = DispatchSemaphore(value: 0)
        let hasEnded = DispatchSemaphore(value: 0)
        let vault = store.vault
        Thread.detachNewThread {
            var round = 0
            while isDone.wait(timeout: .now()) != .success {
                round += 1
                let seed = UInt8(truncatingIfNeeded: round)
                // One document for each version: a copy has as many of either, or it is not of one moment.
                try? vault.runs.saveCheckpoint(BlobContent(TestStore.bytes(9000, seed: seed)), step: round, of: run)
                let version = NewVersion(
                    manifest: "{\"r\":\(round)}", content: BlobContent(TestStore.bytes(4000, seed: seed)))
                _ = try? vault.versions.add(to: "busy", base: TestStore.base, version)
                if round % 5 == 0 {
                    try? vault.adapters.trash("busy")
                    _ = try? vault.trash.purge(olderThan: 0)
                    // Nobody removes without a pause; on a busy machine a copy would never get its turn.
                    usleep(50_000)
                }
            }
            hasEnded.signal()
        }
        for round in 1...6 {
            let report = try reader.backUp(to: backup)
            #expect(report.state == round)
            #expect(report.damage == [])
            let target = store.directory.path + "/restored-\(round)"
            try Self.opened(backup).restore(to: target)
            #expect(try TestStore.open(target, .reading).verify().isWhole)
        }
        isDone.signal()
        hasEnded.wait()
        #expect(try Self.opened(backup).verify().problems == [])
        #expect(try store.vault.verify().isWhole)
    }
}
