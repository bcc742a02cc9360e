// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import Foundation
import GRDB
import Testing

@testable import AttuneVault

/// The files of a store with three adapters as a killed process leaves them, most of it in the log.
struct CrashedStore {
    static let names = ["first", "second", "third"]

    let store: TestStore
    let path: String
    let database: [UInt8]
    let log: [UInt8]
    let mark: [UInt8]
    let chunks: [String]

    init() throws {
        store = try TestStore()
        for (index, name) in Self.names.enumerated() {
            try store.vault.versions.add(to: name, base: TestStore.base, TestStore.version(UInt8(index)))
            try store.vault.documents.put(name: name, text: String(repeating: "text of \(name) ", count: 900))
        }
        let chat = try store.vault.chats.create(title: "talk")
        try store.vault.chats.append(.user, "the last word", to: chat.id)
        path = store.directory.path + "/crashed"
        try FileManager.default.copyItem(atPath: store.path, toPath: path)
        database = try Self.bytes(path + "/attune.db")
        log = try Self.bytes(path + "/attune.db-wal")
        mark = try Self.bytes(path + "/attune.mark")
        chunks = TestStore.files(path + "/chunks")
    }

    static func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }

    var frames: Int { (log.count - 32) / 4120 }

    /// What opening the files comes to: `whole`, or the message of the error. Chunk files are the same before and after.
    func outcome(
        database: [UInt8]? = nil, log: [UInt8]?, mark: [UInt8]? = nil, _ mode: Vault.Mode = .writing
    ) throws -> String {
        try? FileManager.default.removeItem(atPath: path + "/attune.db-shm")
        try Data(database ?? self.database).write(to: URL(filePath: path + "/attune.db"))
        try Data(mark ?? self.mark).write(to: URL(filePath: path + "/attune.mark"))
        if let log {
            try Data(log).write(to: URL(filePath: path + "/attune.db-wal"))
        } else {
            try? FileManager.default.removeItem(atPath: path + "/attune.db-wal")
        }
        defer { #expect(TestStore.files(path + "/chunks") == chunks) }
        do {
            let vault = try Vault.open(at: path, vaultKey: store.vault.vaultKey(), mode: mode)
            let names = try vault.adapters.all().map(\.name)
            let documents = try vault.documents.all().count
            let words = try vault.chats.all().flatMap { try vault.chats.messages(of: $0.id) }.map(\.content)
            try vault.close()
            let isWhole = names.sorted() == Self.names && documents == 3 && words == ["the last word"]
            return isWhole ? "whole" : "lost: \(names), \(documents) documents, \(words)"
        } catch {
            return "\(error)"
        }
    }

    static func isFound(_ outcome: String) -> Bool {
        outcome == "whole" || outcome.contains("E-VAULT-005") && outcome.contains("attune.db-wal")
    }
}

/// Damage to the log of a store is never silent, whatever it is and wherever.
struct LogDamageTests {
    static let isSlow = ProcessInfo.processInfo.environment["ATTUNE_TEST_SLOW"] == "1"

    @Test func aKilledProcessLeavesAStoreThatOpensWhole() throws {
        let crashed = try CrashedStore()
        #expect(crashed.frames > 60)
        for mode in [Vault.Mode.writing, .reading] { #expect(try crashed.outcome(log: crashed.log, mode) == "whole") }
    }

    /// Each of four stores in turn: an opening waits before it believes in damage, as another process may be writing.
    @Test(arguments: 0..<4) func aFlippedBitInAnyFrameIsNamedAndNothingIsClearedAway(store: Int) throws {
        let crashed = try CrashedStore()
        let samples = Self.isSlow ? 2500 : 40
        for sample in samples * store..<samples * (store + 1) {
            let frame = sample % crashed.frames
            let start = 32 + frame * 4120
            // Every fourth in the header of the frame, whose fields are few.
            let place = start + (sample % 4 == 0 ? Int.random(in: 0..<24) : Int.random(in: 24..<4120))
            var log = crashed.log
            log[place] ^= 1 << UInt8.random(in: 0..<8)
            let outcome = try crashed.outcome(log: log, sample.isMultiple(of: 2) ? .writing : .reading)
            #expect(
                CrashedStore.isFound(outcome) && outcome != "whole", "\(frame), \(place - start): \(outcome)")
        }
    }

    @Test func everyByteOfTheLogsHeaderCounts() throws {
        let crashed = try CrashedStore()
        for place in 0..<32 {
            var log = crashed.log
            log[place] ^= 1 << UInt8(place % 8)
            let outcome = try crashed.outcome(log: log)
            #expect(CrashedStore.isFound(outcome), "byte \(place): \(outcome)")
        }
    }

    @Test func aLogThatIsCutOrGoneIsNamed() throws {
        let crashed = try CrashedStore()
        let step = Self.isSlow ? 1 : 5
        for frame in stride(from: 0, to: crashed.frames, by: step) {
            for cut in [32 + frame * 4120, 32 + frame * 4120 + Int.random(in: 1..<4120)] {
                let outcome = try crashed.outcome(log: Array(crashed.log[..<cut]))
                #expect(CrashedStore.isFound(outcome), "cut at \(cut): \(outcome)")
                #expect(outcome != "whole", "cut at \(cut): \(outcome)")
            }
        }
        for cut in [0, 1, 24, 31, 32] {
            let outcome = try crashed.outcome(log: Array(crashed.log[..<cut]))
            #expect(CrashedStore.isFound(outcome), "cut at \(cut): \(outcome)")
            #expect(outcome != "whole", "cut at \(cut): \(outcome)")
        }
        #expect(try CrashedStore.isFound(crashed.outcome(log: nil)))
        #expect(try crashed.outcome(log: nil) != "whole")
    }

    @Test func anOlderLogOrOneOfAnotherStoreIsNamed() throws {
        let crashed = try CrashedStore()
        let other = try CrashedStore()
        let foreign = try crashed.outcome(log: other.log)
        #expect(CrashedStore.isFound(foreign), "\(foreign)")
        #expect(foreign != "whole", "\(foreign)")
        let database = try crashed.outcome(database: other.database, log: crashed.log)
        #expect(database.contains("E-VAULT-003") || database.contains("E-VAULT-005"), "\(database)")
        // The files that a clean end leaves, and over them the log of before.
        let vault = crashed.store.vault
        try vault.documents.put(name: "later", text: "later")
        try vault.close()
        let closed = try CrashedStore.bytes(crashed.store.path + "/attune.db")
        let mark = try CrashedStore.bytes(crashed.store.path + "/attune.mark")
        let older = try crashed.outcome(database: closed, log: crashed.log, mark: mark)
        #expect(older.contains("E-VAULT-005"), "\(older)")
        #expect(try crashed.outcome(log: crashed.log) == "whole")
    }

    /// What a checkpoint was writing when it was cut off is still in the log: page 1 too, with which SQLite begins.
    @Test func aPageThatACheckpointToreIsTakenFromTheLog() throws {
        let crashed = try CrashedStore()
        let numbers = Set(
            (0..<crashed.frames).map { frame in
                crashed.log[32 + frame * 4120..<36 + frame * 4120].reduce(0) { $0 << 8 | Int($1) }
            })
        #expect(numbers.contains(1))
        for number in numbers.sorted() where number * 4096 <= crashed.database.count {
            var database = crashed.database
            for place in (number - 1) * 4096 + 2048..<number * 4096 { database[place] ^= 0xA5 }
            for mode in [Vault.Mode.writing, .reading] {
                let outcome = try crashed.outcome(database: database, log: crashed.log, mode)
                #expect(outcome == "whole", "page \(number)")
            }
            let alone = try crashed.outcome(database: database, log: nil)
            #expect(alone.contains(number == 1 ? "E-VAULT-003" : "E-VAULT-005"), "page \(number): \(alone)")
        }
    }

    /// Where the frames prove the damage no mark is needed: a store of before has none.
    @Test func damageThatTheFramesProveIsNamedByItsFrame() throws {
        let crashed = try CrashedStore()
        var log = crashed.log
        log[32 + 20 * 4120 + 1000] ^= 1
        let outcome = try crashed.outcome(log: log)
        #expect(outcome.contains("frame 21 of \(crashed.frames) of attune.db-wal"), "\(outcome)")
        #expect(outcome.contains("attune restore"))
    }

    /// A file that cannot grow stands for a disk that is full; the log keeps what does not fit.
    @Test func aDiskThatIsFullWhenTheStoreIsClosedLosesNothingAndSaysSo() async throws {
        let crashed = try CrashedStore()
        let path = crashed.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            let vault = try TestStore.open(path)
            try vault.documents.put(name: "later", text: "later")
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: 16 << 10, rlim_max: rlim_t.max)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            try vault.close()
            let said = vault.remarks.map { "\($0)" }
            guard said.count == 1, said[0].contains("E-VAULT-011"), said[0].contains("no room") else {
                FileHandle.standardError.write(Data("\(said)\n".utf8))
                exit(1)
            }
            exit(0)
        }
        #expect(DurableFile.size(path + "/attune.db-wal") > 0)
        let vault = try TestStore.open(path)
        #expect(try vault.documents.all().count == 4)
        #expect(try vault.verify().isWhole)
        try vault.close()
        #expect(DurableFile.size(path + "/attune.db-wal") == 0)
    }
}
