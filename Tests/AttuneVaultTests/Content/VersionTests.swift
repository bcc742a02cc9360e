// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import Testing

@testable import AttuneVault

struct VersionTests {
    @Test func aVersionComesBackAsItWasStoredAfterReopeningToo() throws {
        let store = try TestStore()
        let bytes = TestStore.bytes(2_500_000)
        let added = try store.vault.versions.add(
            to: "notes", base: TestStore.base,
            NewVersion(
                manifest: "{}", content: BlobContent(bytes), run: RunID("7c1e"), lossBefore: 3.5, lossAfter: 2.25))
        #expect(added.number == 1)
        #expect(added.isHead)
        #expect(added.size == bytes.count)
        #expect(added.run == RunID("7c1e"))
        #expect(try store.vault.versions.bytes(added.id) == bytes)
        try store.vault.close()
        let again = try TestStore.open(store.path, .reading)
        #expect(try again.versions.fetch("notes") == added)
        #expect(try again.versions.bytes(added.id) == bytes)
        #expect(try again.verify().isWhole)
    }

    @Test(arguments: [0, 1, SealedChunk.payloadCount - 1, SealedChunk.payloadCount, SealedChunk.payloadCount + 1])
    func anyCountOfBytesIsStored(count: Int) throws {
        let store = try TestStore()
        let version = try store.vault.versions.add(to: "a", base: TestStore.base, TestStore.version(count: count))
        #expect(try store.vault.versions.bytes(version.id).count == count)
        #expect(try store.vault.verify().isWhole)
        #expect(TestStore.chunkFiles(store.path).count == ChunkSealer.chunkCount(length: count))
    }

    @Test func theIdCoversTheManifestAndTheBytes() throws {
        let id = try VersionTable.id(manifest: "ab", content: BlobContent([1]))
        #expect(try id != VersionTable.id(manifest: "a", content: BlobContent(Array("b".utf8) + [1])))
        #expect(id.digest == BLAKE2b.hash([0, 0, 0, 0, 0, 0, 0, 2, 97, 98, 1]))
    }

    @Test func numbersGrowAndReferencesFindTheirVersions() throws {
        let store = try TestStore()
        let vault = store.vault
        for seed in 1...4 {
            try vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(UInt8(seed)))
        }
        try vault.versions.label(VersionReference("notes@2"), as: "best")
        #expect(try vault.versions.all(of: "notes").map(\.number) == [1, 2, 3, 4])
        #expect(try vault.versions.fetch("notes").number == 4)
        #expect(try vault.versions.fetch("notes@-1").number == 3)
        #expect(try vault.versions.fetch("notes@-3").number == 1)
        #expect(try vault.versions.fetch("notes:best").number == 2)
        #expect(try vault.versions.fetch("notes:best").labels == ["best"])
        #expect(try vault.versions.fetch("notes:live").number == 4)
        #expect(failure { try vault.versions.fetch("notes@5") }?.failureCode == "E-VAULT-023")
        #expect(failure { try vault.versions.fetch("notes@-4") }?.failureStatus == .notFound)
        #expect(failure { try vault.versions.fetch("notes:none") }?.failureCode == "E-VAULT-023")
        #expect(failure { try vault.versions.fetch("diary") }?.failureCode == "E-VAULT-020")
    }

    @Test func theSameContentIsStoredOnce() throws {
        let store = try TestStore()
        let first = try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(1))
        try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(2))
        let again = try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(1))
        #expect(again.number == 1)
        #expect(again.id == first.id)
        #expect(again.isHead)
        #expect(try store.vault.versions.all(of: "notes").count == 2)
        #expect(TestStore.chunkFiles(store.path).count == 2)
        try store.vault.journal.undo()
        #expect(try store.vault.versions.fetch("notes").number == 2)
    }

    @Test func anotherBaseNeedsAnotherName() throws {
        let store = try TestStore()
        try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(1))
        let error = failure {
            try store.vault.versions.add(to: "notes", base: TestStore.otherBase, TestStore.version(2))
        }
        #expect(error?.failureCode == "E-VAULT-025")
        #expect(error?.failureStatus == .conflict)
        #expect(TestStore.chunkFiles(store.path).count == 1)
    }

    @Test func equalBytesUnderTwoNamesAreSealedDifferently() throws {
        let store = try TestStore()
        try store.vault.versions.add(to: "a", base: TestStore.base, TestStore.version(1))
        try store.vault.versions.add(to: "b", base: TestStore.base, TestStore.version(1))
        let files = TestStore.chunkFiles(store.path)
        #expect(files.count == 2)
        #expect(try Data(contentsOf: URL(filePath: files[0])) != Data(contentsOf: URL(filePath: files[1])))
    }

    @Test func namesThatCannotBeAreRefusedBeforeAnythingIsWritten() throws {
        let store = try TestStore()
        for name in ["", "a/b", "base", "a@b", "a b"] {
            let error = failure {
                try store.vault.versions.add(to: name, base: TestStore.base, TestStore.version())
            }
            #expect(error?.failureCode == "E-VAULT-022")
            #expect(error?.failureStatus == .usage)
        }
        #expect(TestStore.chunkFiles(store.path).isEmpty)
    }

    @Test func aReaderCannotChangeAnything() throws {
        let store = try TestStore()
        try store.vault.close()
        let reader = try TestStore.open(store.path, .reading)
        #expect(failure { try reader.documents.put(name: "a", text: "b") }?.failureCode == "E-VAULT-010")
        #expect(
            failure { try reader.versions.add(to: "a", base: TestStore.base, TestStore.version()) }?.failureCode
                == "E-VAULT-010")
    }
}
