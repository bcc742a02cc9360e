// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import Foundation
import GRDB
import Synchronization
import Testing

@testable import AttuneVault

/// What is damaged of a backup costs what was in it and nothing else.
struct BackupDamageTests {
    enum Harm: CaseIterable { case flipped, cut, missing, ofAnotherStore }

    /// A backup of three states that share most of their chunks.
    private struct Patient {
        let store: TestStore
        let other: TestStore
        /// By state and name of a chunk file: the things that it is part of.
        private(set) var users: [Int: [String: Set<String>]] = [:]
        /// By state: every row of its database.
        private(set) var rows: [Int: Set<String>] = [:]
        var backup: String { store.directory.path + "/backup" }
        var target: String { store.directory.path + "/new" }

        init() throws {
            store = try BackupTests.filled()
            other = try BackupTests.filled()
            try other.vault.backUp(to: other.directory.path + "/backup")
            try backUp()
            try store.vault.versions.add(to: "letters", base: TestStore.base, TestStore.version(7))
            try store.vault.adapters.copy(VersionReference("notes@1"), to: "copy")
            try backUp()
            try store.vault.adapters.trash("mail")
            try store.vault.trash.purge(olderThan: 0)
            try backUp()
        }

        private mutating func backUp() throws {
            let state = try store.vault.backUp(to: backup, options: Self.options).state
            rows[state] = try Self.rows(store.vault)
            let versions = try store.vault.adapters.all().flatMap { try store.vault.versions.all(of: $0.name) }
            let checkpoint = try store.vault.read {
                try Row.fetchOne($0, sql: "SELECT id, checkpoint FROM runs")
            }
            let run = try #require(checkpoint)
            let blobs =
                versions.map { ("\($0.reference)", $0.blob) }
                + [
                    (
                        "checkpoint of run \(try run.value("id", as: String.self))",
                        try run.value("checkpoint", as: BlobID.self)
                    )
                ]
            for (subject, blob) in blobs {
                let chunks = try store.vault.read {
                    try ChunkID.fetchAll($0, sql: "SELECT id FROM chunks WHERE blob = ?", arguments: [blob])
                }
                for chunk in chunks {
                    users[state, default: [:]][chunk.description, default: []].insert(subject)
                }
            }
        }

        static var options: BackupOptions {
            var options = BackupOptions()
            options.keep = 9
            return options
        }

        /// All rows but those that count the changes of one store.
        static func rows(_ vault: Vault) throws -> Set<String> {
            Set(try BackupTests.rows(vault).filter { !$0.hasPrefix("writers ") })
        }

        func apply(_ harm: Harm, to file: String, byte: Double) throws {
            let whole = try Data(contentsOf: URL(filePath: file))
            let position = Int(Double(whole.count - 1) * byte)
            switch harm {
            case .flipped: try TestStore.flip(file, byte: position, bit: position % 8)
            case .cut: try whole.prefix(position).write(to: URL(filePath: file))
            case .missing: try FileManager.default.removeItem(atPath: file)
            case .ofAnotherStore:
                let place = file.replacing(store.directory.path, with: other.directory.path)
                let twin =
                    file.contains("/chunks/")
                    ? TestStore.chunkFiles(other.directory.path + "/backup")[0]
                    : place.replacing(/states\/[0-9]+/, with: "states/1")
                try Data(contentsOf: URL(filePath: twin)).write(to: URL(filePath: file))
            }
        }

        /// A restore of one state; nil where it made a whole store, which is gone again.
        func restore(_ state: Int) throws -> (any Error)? {
            let backup = try BackupTests.opened(backup)
            if let error = failure({ try backup.restore(to: target, state: state) }) { return error }
            let vault = try TestStore.open(target)
            #expect(try vault.verify().isWhole)
            #expect(try Self.rows(vault) == rows[state])
            try vault.close()
            try FileManager.default.removeItem(atPath: target)
            return nil
        }

        /// What comes of the rest of a state; the store that was made is gone again.
        func salvage<Value>(_ state: Int, _ body: (SalvageReport, Vault) throws -> Value) throws -> Value {
            let report = try BackupTests.opened(backup).salvage(to: target, state: state)
            let vault = try TestStore.open(target)
            #expect(try vault.verify().problems == [])
            let value = try body(report, vault)
            try vault.close()
            try FileManager.default.removeItem(atPath: target)
            return value
        }
    }

    @Test(arguments: Harm.allCases) func aDamagedChunkCostsWhatIsInItAndTheNextBackupMendsIt(_ harm: Harm) throws {
        let patient = try Patient()
        let pristine = patient.store.directory.path + "/pristine"
        try FileManager.default.copyItem(atPath: patient.backup, toPath: pristine)
        let subjects = Set(patient.users.values.flatMap(\.values).joined())
        #expect(subjects.count == 6)
        for (position, file) in TestStore.chunkFiles(patient.backup).enumerated() {
            let name = URL(filePath: file).lastPathComponent
            try patient.apply(harm, to: file, byte: [0, 0.4, 1][position % 3])
            let harmed = try? Data(contentsOf: URL(filePath: file))
            let before = try BackupTests.contents(patient.backup)
            let affected = patient.users.keys.filter { patient.users[$0]?[name] != nil }.sorted()
            let whole = patient.users.keys.filter { !affected.contains($0) }.sorted()
            for state in patient.users.keys.sorted() {
                let error = try patient.restore(state)
                guard affected.contains(state) else {
                    #expect(error == nil, "state \(state), \(name)")
                    continue
                }
                #expect(error?.failureCode == "E-BACKUP-004", "state \(state), \(name)")
                let text = "\(try #require(error))"
                #expect(text.contains("state \(state): "), "\(text)")
                for subject in subjects {
                    let isNamed = text.contains("\(subject): the chunk file \(name.prefix(12))")
                    #expect(isNamed == patient.users[state]?[name]?.contains(subject), "\(subject): \(text)")
                }
                let proposed = text.matches(of: /--state ([0-9]+)(?! --damaged)/).compactMap { Int($0.output.1) }
                #expect(proposed == [whole.last].compactMap(\.self), "\(text)")
                #expect(text.contains("--state \(state) --damaged"), "\(text)")
                #expect(!FileManager.default.fileExists(atPath: patient.target))
            }
            let state = try #require(affected.last)
            let lost = try #require(patient.users[state]?[name])
            try patient.salvage(state) { report, vault in
                #expect(!report.isComplete)
                #expect(Set(report.lost.map(\.subject)) == lost)
                let kept = try vault.adapters.all().flatMap { try vault.versions.all(of: $0.name) }.map {
                    "\($0.reference)"
                }
                let all = Set(try #require(patient.users[state]).values.joined()).subtracting(lost)
                #expect(Set(kept) == all.filter { !$0.hasPrefix("checkpoint") })
                let runs = try vault.read {
                    try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM runs WHERE checkpoint IS NOT NULL")
                }
                #expect(runs == all.count { $0.hasPrefix("checkpoint") })
                #expect(try vault.documents.all().count == 40)
            }
            #expect(try BackupTests.contents(patient.backup) == before)

            // What the store has still takes the place of the damaged file, which is set aside.
            let isInStore = affected.contains(3)
            let report = try patient.store.vault.backUp(to: patient.backup, options: Patient.options)
            #expect(report.chunksCopied == (isInStore ? 1 : 0))
            #expect(report.chunksMended == (isInStore && harm != .missing ? 1 : 0))
            let aside = TestStore.files(patient.backup + "/chunks/.lost")
            #expect(aside.map { URL(filePath: $0).lastPathComponent } == (report.chunksMended == 1 ? [name] : []))
            for path in aside { #expect(try Data(contentsOf: URL(filePath: path)) == harmed) }
            let verified = try BackupTests.opened(patient.backup).verify()
            #expect(verified.wholeStates == (isInStore ? [1, 2, 3, 4] : whole + [4]))
            for state in affected { #expect(try (patient.restore(state) == nil) == isInStore, "\(state), \(name)") }
            try FileManager.default.removeItem(atPath: patient.backup)
            try FileManager.default.copyItem(atPath: pristine, toPath: patient.backup)
        }
    }

    /// Every file of each state in turn: the others restore, and the rest of this one is saved.
    @Test(arguments: Harm.allCases) func aDamagedFileOfAStateCostsThatStateOnly(_ harm: Harm) throws {
        let patient = try Patient()
        for state in [3, 2] {
            for file in TestStore.files("\(patient.backup)/states/\(state)") {
                let name = URL(filePath: file).lastPathComponent
                // The database is harmed at its start, inside, and at its end.
                for byte in name == "attune.db" ? [0, 0.4, 0.97] : [0.5] {
                    let whole = try Data(contentsOf: URL(filePath: file))
                    try patient.apply(harm, to: file, byte: byte)
                    let before = try BackupTests.contents(patient.backup)
                    for other in [1, 2, 3] where other != state {
                        #expect(try patient.restore(other) == nil, "\(file), state \(other)")
                    }
                    let error = try patient.restore(state)
                    #expect(error?.failureCode == "E-BACKUP-004", "\(file)")
                    let text = error.map { "\($0)" } ?? ""
                    #expect(text.contains("states/\(state)/\(name)"), "\(text)")
                    #expect(text.contains("the newest whole one: attune restore"), "\(text)")
                    #expect(text.contains("--state \(state == 3 ? 2 : 3);"), "\(text)")
                    let isLeft = name != "attune.db" || harm == .flipped || harm == .cut && byte > 0
                    let isTried = isLeft || harm == .ofAnotherStore
                    #expect(text.contains("--damaged") == isTried, "\(text)")
                    if isLeft {
                        try patient.salvage(state) { report, vault in
                            let rows = try Patient.rows(vault)
                            if name != "attune.db" || report.isComplete {
                                #expect(report.isComplete, "\(file): \(report)")
                                #expect(rows == patient.rows[state], "\(file)")
                            } else {
                                #expect(report.lostPages != [] || report.tables.contains { $0.lostPages > 0 })
                            }
                        }
                    } else {
                        let backup = try BackupTests.opened(patient.backup)
                        let refusal = failure { try backup.salvage(to: patient.target, state: state) }
                        #expect(refusal?.failureCode == "E-BACKUP-004", "\(file)")
                        #expect(!FileManager.default.fileExists(atPath: patient.target))
                    }
                    #expect(try BackupTests.contents(patient.backup) == before, "\(file)")
                    try? FileManager.default.removeItem(atPath: file)
                    try whole.write(to: URL(filePath: file))
                }
            }
        }
        #expect(try BackupTests.opened(patient.backup).verify().problems == [])
    }

    /// With everything damaged at once each thing that is whole is still saved, and no state is proposed.
    @Test func whatIsLeftOfTheOnlyStateIsSaved() throws {
        let store = try BackupTests.filled()
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        for name in ["manifest", "chunks"] { try TestStore.flip("\(backup)/states/1/\(name)", byte: 9) }
        try TestStore.flip(backup + "/states/1/attune.db", byte: 4096 * 12 + 99)
        for file in TestStore.chunkFiles(backup).dropFirst() { try TestStore.flip(file, byte: 5) }
        let error = failure { try BackupTests.opened(backup).restore(to: store.directory.path + "/a") }
        #expect("\(try #require(error))".contains("No state is whole; save what is whole of state 1"))
        let report = try BackupTests.opened(backup).salvage(to: store.directory.path + "/b")
        #expect(report.lostPages == [13])
        #expect(report.lost.count >= 2)
        #expect(try TestStore.open(store.directory.path + "/b").verify().isWhole)
        // A store that is there stays as it is.
        let rows = try BackupTests.rows(store.vault)
        let refusal = failure { try BackupTests.opened(backup).salvage(to: store.path) }
        #expect(refusal?.failureCode == "E-VAULT-008")
        #expect(try BackupTests.rows(store.vault) == rows)
    }

    /// The mark of the own log says nothing that the database does not say.
    @Test func aDeviceWithoutItsMarkStaysTheSameDevice() throws {
        let (device, _) = try SyncTests.pair()
        try device.add(1)
        _ = try device.publish()
        let head = try device.vault.entries.heads()[device.id]
        let backup = device.store.directory.path + "/backup"
        try device.vault.backUp(to: backup)
        let mark = backup + "/states/1/own.head"
        for harm in [Harm.flipped, .cut, .missing] {
            let whole = try Data(contentsOf: URL(filePath: mark))
            switch harm {
            case .flipped: try TestStore.flip(mark, byte: 40)
            case .cut: try whole.prefix(50).write(to: URL(filePath: mark))
            default: try FileManager.default.removeItem(atPath: mark)
            }
            let target = device.store.directory.path + "/\(harm)"
            let error = failure { try BackupTests.opened(backup).restore(to: target) }
            #expect("\(try #require(error))".contains("states/1/own.head"))
            let report = try BackupTests.opened(backup).salvage(to: target)
            #expect(report.circle == .kept)
            #expect(report.isComplete)
            let vault = try TestStore.open(target)
            #expect(try vault.circle.identity()?.device == device.id)
            #expect(try vault.entries.heads()[device.id] == head)
            #expect(try vault.syncLog.newest(limit: 9).contains { $0.text.contains("state 1 of a backup") })
            try whole.write(to: URL(filePath: mark))
        }
    }

    /// No chunk is trusted by its name and its size for ever.
    @Test func quickBackupsReadEveryChunkInSixteenRuns() throws {
        let store = try BackupTests.filled()
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        let chunks = TestStore.chunkFiles(backup)
        for file in chunks { try TestStore.flip(file, byte: 5) }
        var options = BackupOptions()
        options.isQuick = true
        var mended = 0
        for _ in 0..<16 { mended += try store.vault.backUp(to: backup, options: options).chunksMended }
        #expect(mended == chunks.count)
        #expect(try BackupTests.opened(backup).verify().problems == [])
    }

    /// A whole chunk that was set aside takes the place of a damaged one: left there it would be removed one day.
    @Test func aWholeChunkThatWasSetAsideComesBack() throws {
        let store = try BackupTests.filled()
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        try store.vault.close()
        for folder in [backup, store.path] {
            let chunk = TestStore.chunkFiles(folder)[0]
            let whole = try Data(contentsOf: URL(filePath: chunk))
            let aside = "\(folder)/chunks/.lost/2099-01-01"
            try FileManager.default.createDirectory(atPath: aside, withIntermediateDirectories: true)
            try whole.write(to: URL(filePath: "\(aside)/\(URL(filePath: chunk).lastPathComponent)"))
            try TestStore.flip(chunk, byte: 5)
            let vault = try TestStore.open(store.path)
            try vault.backUp(to: backup)
            try vault.close()
            #expect(try Data(contentsOf: URL(filePath: chunk)) == whole, "\(folder)")
        }
    }

    /// A file of another size is not read through, however large it says it is.
    @Test func aHugeFileIsToldByItsSize() throws {
        let store = try BackupTests.filled()
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        for name in ["attune.db", "chunks"] {
            try #require(truncate("\(backup)/states/1/\(name)", 1 << 40) == 0)
        }
        let problems = try BackupTests.opened(backup).verify().problems
        for name in ["attune.db", "chunks"] {
            let found = problems.contains {
                $0.subject == "states/1/\(name)" && $0.message.contains("1099511627776 of")
            }
            #expect(found, "\(name): \(problems)")
        }
    }

    @Test func aNumberBehindWhichThereIsNoneStopsTheBackup() throws {
        let store = try BackupTests.filled()
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        try FileManager.default.createDirectory(
            atPath: "\(backup)/states/\(1 << 40)", withIntermediateDirectories: true)
        let error = failure { try store.vault.backUp(to: backup) }
        #expect(error?.failureCode == "E-BACKUP-002")
        #expect("\(try #require(error))".contains("states/1099511627776"))
    }

    @Test func whatWasSetAsideGoesAfterThirtyDays() throws {
        let days = Days()
        let store = try TestStore(now: { days.now })
        try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(1))
        let backup = store.directory.path + "/backup"
        try store.vault.backUp(to: backup)
        try TestStore.flip(TestStore.chunkFiles(backup)[0], byte: 5)
        #expect(try store.vault.backUp(to: backup).chunksMended == 1)
        for (day, isThere) in [(29, true), (32, false)] {
            days.passed.store(day, ordering: .relaxed)
            try store.vault.backUp(to: backup)
            #expect(TestStore.files(backup + "/chunks/.lost").isEmpty != isThere, "\(day)")
        }
    }

    private final class Days: Sendable {
        let passed = Atomic<Int>(0)
        var now: Date { Date(timeIntervalSince1970: 1_800_000_000 + Double(passed.load(ordering: .relaxed)) * 86_400) }
    }
}
