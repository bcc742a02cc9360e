// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import GRDB
import Testing

@testable import AttuneVault

/// What happens to the store when its process is killed or its disk is full.
///
/// Each child is a process of its own: signals and limits on file sizes are for the whole process.
struct InterruptionTests {
    @Test(arguments: [40, 90, 150, 230, 400])
    func aKilledProcessLeavesWholeVersionsOnly(milliseconds: Int) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/store"
        try Vault.create(
            at: path, passphrase: TestStore.secret(TestStore.passphrase), recovery: .random(), cost: TestStore.cost
        ).close()
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [path = path as String, milliseconds = milliseconds as Int] in
            let vault = try TestStore.open(path)
            let run = try vault.runs.create(
                adapter: "notes", configuration: "{}", base: TestStore.base, data: TestStore.data, steps: 9)
            Thread.detachNewThread {
                usleep(UInt32(milliseconds) * 1000)
                kill(getpid(), SIGKILL)
            }
            for index in 0... {
                let bytes = TestStore.bytes(1_200_000 + index, seed: UInt8(truncatingIfNeeded: index))
                try vault.versions.add(
                    to: "notes", base: TestStore.base,
                    NewVersion(manifest: "{\"n\":\(index)}", content: BlobContent(bytes)))
                try vault.runs.saveCheckpoint(BlobContent(bytes), step: index, of: run.id)
            }
        }
        let vault = try TestStore.open(path)
        #expect(try vault.verify().isWhole)
        let versions = (try? vault.versions.all(of: "notes")) ?? []
        #expect(versions.map(\.number) == Array(1..<versions.count + 1))
        let blobs = try vault.read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM blobs") ?? -1 }
        #expect(TestStore.chunkFiles(path).count >= blobs * 2)
        #expect(try FileManager.default.contentsOfDirectory(atPath: path + "/tmp").isEmpty)
        try vault.versions.add(to: "notes", base: TestStore.base, TestStore.version())
        #expect(try vault.versions.fetch("notes").number == versions.count + 1)
        // What was not listed any more is set aside once the store was closed.
        try vault.close()
        try TestStore.open(path).close()
        #expect(TestStore.chunkFiles(path).count == (blobs + 1) * 2 - 1)
    }

    /// Commits, marks, checkpoints and openings, one after the other: whichever the kill falls into is no damage.
    @Test(arguments: [35, 70, 120, 180, 260])
    func aProcessKilledWhileItOpensAndClosesLeavesAStoreThatOpens(milliseconds: Int) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/store"
        try Vault.create(
            at: path, passphrase: TestStore.secret(TestStore.passphrase), recovery: .random(), cost: TestStore.cost
        ).close()
        var known = 0
        for round in 0..<(LogDamageTests.isSlow ? 40 : 3) {
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = path as String, delay = milliseconds + round as Int, known = known as Int] in
                for index in known... {
                    let vault = try TestStore.open(path)
                    try vault.documents.put(name: "\(index)", text: "text \(index)")
                    if index == known {
                        // Not before something stands: a machine under load comes to nothing in a few milliseconds.
                        Thread.detachNewThread {
                            usleep(UInt32(delay) * 1000)
                            kill(getpid(), SIGKILL)
                        }
                    }
                    try vault.close()
                }
            }
            let reader = try TestStore.open(path, .reading)
            let names = try reader.documents.all().map(\.name)
            try reader.close()
            #expect(names == (0..<names.count).map { "\($0)" })
            #expect(names.count > known)
            known = names.count
        }
        #expect(try TestStore.open(path).verify().isWhole)
    }

    @Test func aFullDiskStoresNothingByHalves() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/store"
        let before = try Vault.create(
            at: path, passphrase: TestStore.secret(TestStore.passphrase), recovery: .random(), cost: TestStore.cost)
        try before.versions.add(to: "notes", base: TestStore.base, TestStore.version(1))
        let run = try before.runs.create(
            adapter: "notes", configuration: "{}", base: TestStore.base, data: TestStore.data, steps: 9)
        try before.runs.saveCheckpoint(BlobContent([1, 2, 3]), step: 1, of: run.id)
        let id = run.id
        try before.close()
        let files = TestStore.chunkFiles(path)
        await #expect(processExitsWith: .success) { [path = path as String, id = id.description as String] in
            let vault = try TestStore.open(path)
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: 512 << 10, rlim_max: rlim_t.max)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            let version = failure {
                try vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(2, count: 5_000_000))
            }
            let adapter = failure {
                try vault.versions.add(to: "other", base: TestStore.base, TestStore.version(3, count: 700_000))
            }
            let checkpoint = failure {
                try vault.runs.saveCheckpoint(BlobContent(TestStore.bytes(700_000)), step: 2, of: RunID(id))
            }
            let document = failure {
                try vault.documents.put(name: "a", text: String(repeating: "alpha ", count: 500_000))
            }
            for error in [version, adapter, checkpoint, document] {
                guard error?.failureStatus == .doesNotFit else {
                    FileHandle.standardError.write(Data("\(String(describing: error))\n".utf8))
                    exit(1)
                }
            }
            // Reading and small changes still work.
            guard try vault.verify().isWhole, try vault.adapters.all().map(\.name) == ["notes"] else { exit(2) }
            try vault.adapters.rename("notes", to: "diary")
            exit(0)
        }
        let vault = try TestStore.open(path)
        #expect(try vault.adapters.all().map(\.name) == ["diary"])
        #expect(try vault.versions.all(of: "diary").count == 1)
        #expect(try vault.documents.all().isEmpty)
        #expect(try vault.runs.loadCheckpoint(of: id)?.bytes == [1, 2, 3])
        #expect(TestStore.chunkFiles(path) == files)
        #expect(try FileManager.default.contentsOfDirectory(atPath: path + "/tmp").isEmpty)
        #expect(try vault.verify().isWhole)
    }

    @Test func aDatabaseThatCannotGrowSaysSo() throws {
        let store = try TestStore()
        try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(1))
        let files = TestStore.chunkFiles(store.path)
        let pages = try store.vault.read { try Int.fetchOne($0, sql: "PRAGMA page_count") ?? 0 }
        try store.vault.outsideTransaction { try $0.execute(sql: "PRAGMA max_page_count = \(pages)") }
        let manifest = #"{"x":"\#(String(repeating: "y", count: 50_000))"}"#
        let error = failure {
            try store.vault.versions.add(
                to: "notes", base: TestStore.base, NewVersion(manifest: manifest, content: BlobContent([1])))
        }
        #expect(error?.failureStatus == .doesNotFit)
        #expect(error?.failureCode == "E-VAULT-006")
        #expect(TestStore.chunkFiles(store.path) == files)
        #expect(try store.vault.versions.all(of: "notes").count == 1)
    }

    @Test func anotherProcessIsNamedAsTheHolder() async throws {
        let store = try TestStore()
        let path = store.path
        let process = "process \(getpid()) (attune)"
        await #expect(processExitsWith: .exitCode(11)) { [path = path as String, process = process as String] in
            do {
                _ = try TestStore.open(path)
            } catch {
                guard "\(error)".contains(process) else { exit(1) }
                exit(error.failureStatus?.rawValue ?? 2)
            }
        }
        await #expect(processExitsWith: .success) { [path = path as String] in
            let reader = try TestStore.open(path, .reading)
            exit(try reader.adapters.all().isEmpty ? 0 : 1)
        }
        try store.vault.documents.put(name: "a", text: "alpha")
    }
}
