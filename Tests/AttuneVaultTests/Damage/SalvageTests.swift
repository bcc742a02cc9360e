// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import GRDB
import Testing

@testable import AttuneVault

/// What opens of a damaged store comes into a new one, what does not is told, and the damaged one stays as it is.
struct SalvageTests {
    private static let isSlow = ProcessInfo.processInfo.environment["ATTUNE_TEST_SLOW"] == "1"

    /// A damaged or whole copy of a store's folder, and what the store held.
    private struct Patient {
        let directory: TemporaryDirectory
        let rows: Set<String>
        var store: String { directory.path + "/copy" }
        var database: String { store + "/attune.db" }
        var log: String { store + "/attune.db-wal" }

        /// - Parameter inLog: leaves everything in the log; else it is all in the database's own file.
        init(inLog: Bool) throws {
            let made = try BackupTests.filled()
            for index in 0..<150 {
                try made.vault.documents.put(
                    name: "long \(index)", text: String(repeating: "long \(index) ", count: index == 77 ? 2000 : 120))
            }
            try made.vault.adapters.rollback("notes", to: .number(1))
            try made.vault.versions.trash(VersionReference("notes@2"))
            if !inLog { try made.vault.compact() }
            directory = try TemporaryDirectory()
            // While it is open: closing may move the log into the database.
            try FileManager.default.copyItem(atPath: made.path, toPath: directory.path + "/copy")
            rows = try Self.rows(made.vault)
            try made.vault.close()
        }

        /// All rows but those that count the changes of one store.
        private static func rows(_ vault: Vault) throws -> Set<String> {
            Set(try BackupTests.rows(vault).filter { !$0.hasPrefix("writers ") })
        }

        /// Salvages into a fresh place, looks at the new store, and removes it again.
        func salvage(_ body: (SalvageReport, Set<String>, Vault) throws -> Void) throws {
            let before = try BackupTests.contents(store)
            let target = directory.path + "/new-\(UUID().uuidString)"
            let report = try Vault.salvage(
                from: store, passphrase: TestStore.secret(TestStore.passphrase), to: target)
            #expect(try BackupTests.contents(store) == before)
            let vault = try TestStore.open(target)
            let check = try vault.verify()
            #expect(check.problems == [])
            try body(report, Self.rows(vault), vault)
            try vault.close()
            try FileManager.default.removeItem(atPath: target)
        }
    }

    @Test(arguments: [true, false]) func aWholeStoreIsSavedWhole(inLog: Bool) throws {
        let patient = try Patient(inLog: inLog)
        try patient.salvage { report, rows, vault in
            #expect(report.isComplete, "\(report)")
            #expect(report.versions == 3)
            #expect(report.lost == [])
            #expect(report.frames > 0 || !inLog)
            #expect(rows == patient.rows)
            let head = try vault.versions.fetch("notes")
            #expect(head.number == 1)
        }
    }

    /// Every page in turn is flipped; all rows of other pages come back.
    @Test func aPageThatDoesNotOpenCostsItsOwnRowsOnly() throws {
        let patient = try Patient(inLog: false)
        let size = try #require(FileManager.default.attributesOfItem(atPath: patient.database)[.size] as? Int)
        let pages = size / 4096
        let sample = Self.isSlow ? Array(1...pages) : [1, 2, 3] + (0..<4).map { 4 + $0 * (pages - 4) / 4 } + [pages]
        for page in sample {
            let byte = (page - 1) * 4096 + 20 + (page * 97) % 4000
            try TestStore.flip(patient.database, byte: byte, bit: page % 8)
            try patient.salvage { report, rows, _ in
                #expect(report.lostPages == [page], "page \(page)")
                #expect(!report.isComplete)
                let missing = patient.rows.subtracting(rows).filter { !$0.hasPrefix("sqlite") }
                // A page holds some forty of the shortest rows; what hangs on them goes with them and is named.
                #expect(missing.count <= 60, "page \(page): \(missing.count) of \(patient.rows.count)")
                let documents = missing.filter { $0.hasPrefix("documents ") }.count
                #expect(documents <= 12, "page \(page): \(documents)")
            }
            try TestStore.flip(patient.database, byte: byte, bit: page % 8)
        }
        // The id of the database stands in the clear at its start.
        for byte in [0, 9, 15] {
            try TestStore.flip(patient.database, byte: byte, bit: 3)
            try patient.salvage { report, rows, _ in
                #expect(report.lostPages == [])
                #expect(rows == patient.rows)
            }
            try TestStore.flip(patient.database, byte: byte, bit: 3)
        }
    }

    /// Every frame in turn is flipped, in its page and in its header.
    @Test func aFrameThatDoesNotOpenCostsLittle() throws {
        let patient = try Patient(inLog: true)
        let size = try #require(FileManager.default.attributesOfItem(atPath: patient.log)[.size] as? Int)
        let frames = (size - 32) / 4120
        #expect(frames > 100)
        let sample = Self.isSlow ? Array(0..<frames) : (0..<5).map { $0 * (frames - 1) / 4 }
        for frame in sample {
            for inside in [40 + (frame * 131) % 4000, 2] {
                try TestStore.flip(patient.log, byte: 32 + frame * 4120 + inside, bit: frame % 8)
                try patient.salvage { report, rows, _ in
                    // A number of a page that lost one bit is found again.
                    #expect(report.lostFrames == (inside == 2 ? [] : [frame + 1]), "frame \(frame + 1)")
                    let missing = patient.rows.subtracting(rows)
                    #expect(missing.count <= (inside == 2 ? 0 : 60), "frame \(frame + 1): \(missing.count)")
                    if report.lostPages == [], report.stalePages == [] { #expect(rows == patient.rows) }
                }
                try TestStore.flip(patient.log, byte: 32 + frame * 4120 + inside, bit: frame % 8)
            }
        }
        // The header of the log stands in the clear.
        for byte in [1, 9, 17, 23] {
            try TestStore.flip(patient.log, byte: byte, bit: 5)
            try patient.salvage { report, rows, _ in #expect(rows == patient.rows, "byte \(byte)") }
            try TestStore.flip(patient.log, byte: byte, bit: 5)
        }
    }

    @Test func aVersionWithoutItsChunksIsNamedAndTheOthersAreSaved() throws {
        let patient = try Patient(inLog: false)
        let chunks = TestStore.chunkFiles(patient.store)
        let whole = try chunks.map { try Data(contentsOf: URL(filePath: $0)) }
        for (position, chunk) in chunks.enumerated() {
            switch position % 3 {
            case 0: try FileManager.default.removeItem(atPath: chunk)
            case 1: try TestStore.flip(chunk, byte: 99)
            default: try whole[position].dropLast(7).write(to: URL(filePath: chunk))
            }
            try patient.salvage { report, _, vault in
                #expect(report.lost.count == 1, "\(report.lost)")
                #expect(report.lost.first?.reason.contains("chunk file") == true)
                #expect(report.versions + (report.lost.first?.subject.contains("checkpoint") == true ? 0 : 1) == 3)
                let (adapters, documents) = (try vault.adapters.all(), try vault.documents.all().count)
                #expect(adapters.allSatisfy { $0.head != nil || $0.versions == 0 })
                #expect(documents == 190)
            }
            try whole[position].write(to: URL(filePath: chunk))
        }
        try patient.salvage { report, rows, _ in #expect(report.isComplete && rows == patient.rows) }
    }

    @Test func whatSeveralDevicesSayOfAVersionIsSaved() throws {
        let (author, store) = try SyncTests.pair()
        try author.add(1)
        let honest = try author.publish()
        try store.take(honest)
        guard case .version(var packet) = honest[0].1 else { throw VaultError.failed("no version") }
        packet.blob.id = .filled(7)
        packet.blob.chunks = packet.blob.chunks.map { ChunkID(BLAKE2b.hash($0.bytes)) }
        let (hash, device) = (EntryHash(BLAKE2b.hash([7])), DeviceID.filled(7))
        let entry = StoredEntry(
            hash: hash, device: device, seq: 1, previous: .zero, kind: 1, lamport: 9,
            bytes: hash.bytes)
        let context = EntryContext(entry: hash, device: device, deviceName: "third", lamport: 9, parents: [])
        try store.take([(entry, .version(packet), context)])
        func rows(_ vault: Vault) throws -> [String] {
            try BackupTests.rows(vault).filter { row in
                ["claims ", "blobs ", "chunks ", "events "].contains { row.hasPrefix($0) }
            }.sorted()
        }
        let before = try rows(store.vault)
        #expect(before.count { $0.hasPrefix("claims ") } == 2)
        try store.vault.close()
        let target = store.store.directory.path + "/new"
        let report = try Vault.salvage(
            from: store.vault.path, passphrase: TestStore.secret(TestStore.passphrase), to: target)
        #expect(report.isComplete, "\(report)")
        let vault = try TestStore.open(target)
        #expect(try rows(vault) == before)
        #expect(try vault.verify().isWhole)
    }

    /// Two devices of which one published `notes@1` and the other has taken it, with its bytes.
    private func received() throws -> (
        author: SyncTests.Device, store: SyncTests.Device, first: VersionRecord,
        entries: [(StoredEntry, AdapterEvent, EntryContext)]
    ) {
        let (author, store) = try SyncTests.pair()
        let first = try author.add(1)
        let entries = try author.publish()
        try store.take(entries)
        try store.fetch(from: author)
        try store.vault.blobs.judge(try store.vault.versions.fetch("notes"), isSound: true)
        return (author, store, first, entries)
    }

    /// A row of a version that is lost is named, and comes again where the circle's entries say it.
    @Test func aVersionWhoseRowIsLostIsNamedAndComesFromTheCircle() throws {
        let (author, store, first, entries) = try received()
        try store.add(2, parents: [first.id])
        try author.add(3, to: "own")
        for device in [author, store] {
            // Of the one what it published, of the other what it got and what still waits to be published.
            try device.vault.write { database in
                try database.execute(sql: "UPDATE adapters SET head = NULL")
                try database.execute(sql: "DELETE FROM claims")
                try database.execute(
                    sql: "DELETE FROM versions WHERE number = 1 AND adapter = ?", arguments: [first.adapterID])
            }
            var report = SalvageReport(store: device.vault.path)
            report.circle = .kept
            report.add("versions") { $0.lostRows = 1 }
            try device.vault.settleSalvaged(&report, [:]) { _ in }
            #expect(report.awaited == ["a version of notes"])
            #expect(report.lost.contains { $0.subject == "notes" && $0.reason.contains("pointed at") })
            for (_, event, context) in entries { try device.vault.events.apply(event, context) }
            let back = try device.vault.versions.fetch("notes@1")
            #expect(back.id == first.id)
            #expect(try device.vault.verify().isWhole)
        }
        #expect(try store.vault.versions.fetch("notes").number == 2)

        // What was said nowhere is lost, and holds nothing up.
        try store.vault.write { database in
            try database.execute(sql: "UPDATE adapters SET head = NULL")
            try database.execute(sql: "DELETE FROM versions WHERE number = 2")
        }
        var report = SalvageReport(store: store.vault.path)
        report.circle = .kept
        report.add("versions") { $0.lostRows = 1 }
        try store.vault.settleSalvaged(&report, [:]) { _ in }
        #expect(report.awaited == [])
        #expect(report.lost.first?.subject == "a version of notes")
        #expect(report.lost.first?.reason.contains("not published") == true)
        #expect(try store.publish().isEmpty)
    }

    /// Its chunks' rows are lost: the entry that names them is applied once more.
    @Test func aVersionWhoseListOfChunksIsLostComesFromTheCircle() throws {
        let (_, store, first, entries) = try received()
        try store.vault.adapters.rename("notes", to: "letters")
        try store.vault.write { try $0.execute(sql: "DELETE FROM chunks") }
        var report = SalvageReport(store: store.vault.path)
        report.circle = .kept
        report.add("chunks") { $0.lostPages = 1 }
        try store.vault.settleSalvaged(&report, [:]) { _ in }
        #expect(report.awaited == ["letters@1"])
        #expect(report.lost.filter { !$0.reason.contains("pointed at") } == [])
        for (_, event, context) in entries { try store.vault.events.apply(event, context) }
        // What it was called since is noted, and no entry says it again.
        #expect(try store.vault.versions.fetch("letters@1").id == first.id)
        #expect(try store.vault.verify().isWhole)
    }

    /// An entry that was made and never sent: nobody else has its bytes.
    @Test(arguments: [true, false]) func bytesThatNoRemoteEverHadAreLost(wasShown: Bool) throws {
        let (author, _) = try SyncTests.pair()
        try author.add(1)
        let entry = try author.publish()[0].0
        let mark = [entry.device: LogPosition(seq: entry.seq, hash: entry.hash)]
        try author.vault.remotes.setMarks(wasShown ? mark : [:], of: "relay")
        var report = SalvageReport(store: author.vault.path)
        report.circle = .kept
        let id = try #require(
            try author.vault.read { try Row.fetchOne($0, sql: "SELECT id FROM chunks")?.value("id", as: ChunkID.self) })
        try author.vault.settleSalvaged(&report, [id: "the chunk file is damaged"]) { _ in }
        #expect(report.awaited == (wasShown ? ["notes@1"] : []))
        #expect(report.lost.map(\.subject).contains("notes@1") == !wasShown)
        #expect(try author.vault.adapters.all().isEmpty == !wasShown)
    }

    @Test func adaptersThatAreCalledRecoveredAlreadyLoseNoOther() throws {
        let store = try TestStore()
        for (name, seed) in [("recovered-1", UInt8(1)), ("two", 2)] {
            let manifest = #"{"base":{"id":"\#(TestStore.base)"},"seed":\#(seed)}"#
            let content = BlobContent(TestStore.bytes(3000, seed: seed))
            try store.vault.versions.add(
                to: name, base: TestStore.base, NewVersion(manifest: manifest, content: content))
        }
        try store.vault.compact()
        let directory = try TemporaryDirectory()
        try FileManager.default.copyItem(atPath: store.path, toPath: directory.path + "/copy")
        try store.vault.close()
        // The row of the second one only.
        let damaged = try TestStore.open(directory.path + "/copy")
        try damaged.database.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA foreign_keys = OFF")
            try database.execute(sql: "DELETE FROM adapters WHERE name = 'two'")
        }
        try damaged.close()
        let report = try Vault.salvage(
            from: directory.path + "/copy", passphrase: TestStore.secret(TestStore.passphrase),
            to: directory.path + "/new")
        let saved = try TestStore.open(directory.path + "/new")
        #expect(try Set(saved.adapters.all().map(\.name)) == ["recovered-1", "recovered-2"])
        #expect(report.versions == 2)
    }

    @Test func whatCannotBeRepairedIsRefused() throws {
        let store = try BackupTests.filled()
        let (path, target) = (store.path, store.directory.path + "/new")
        func salvage(_ target: String, _ passphrase: String = TestStore.passphrase) -> String? {
            failure { try Vault.salvage(from: path, passphrase: TestStore.secret(passphrase), to: target) }?.failureCode
        }
        #expect(salvage(target) == "E-VAULT-002")
        try store.vault.close()
        #expect(salvage(path + "/below") == "E-VAULT-008")
        #expect(salvage(store.directory.path) == "E-VAULT-008")
        #expect(salvage(target, "another") == "E-KEY-001")
        for file in ["attune.db", "attune.db-wal"] {
            try? Data(repeating: 7, count: 50_000).write(to: URL(filePath: path + "/" + file))
        }
        #expect(salvage(target) == "E-VAULT-005")
        #expect(try FileManager.default.contentsOfDirectory(atPath: store.directory.path) == ["store"])
    }
}
