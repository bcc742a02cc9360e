// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import GRDB
import Testing

@testable import AttuneVault

struct OpeningTests {
    @Test func noStoreIsToldApart() throws {
        let directory = try TemporaryDirectory()
        for path in [directory.path, directory.path + "/none"] {
            #expect(!Vault.exists(at: path))
            let error = failure { try TestStore.open(path) }
            #expect(error?.failureCode == "E-VAULT-001")
            #expect(error?.failureStatus == .noStore)
        }
    }

    @Test func anotherPassphraseEndsWithExit12() throws {
        let store = try TestStore()
        try store.vault.close()
        let error = failure { try Vault.open(at: store.path, passphrase: TestStore.secret("wrong"), mode: .reading) }
        #expect(error?.failureStatus == .wrongKey)
        #expect(error?.failureStatus?.rawValue == 12)
    }

    @Test func theKeyOfAnotherStoreEndsWithExit12() throws {
        let store = try TestStore()
        let other = try TestStore()
        try store.vault.close()
        let error = failure { try Vault.open(at: store.path, vaultKey: other.vault.vaultKey(), mode: .writing) }
        #expect(error?.failureCode == "E-VAULT-003")
        #expect(error?.failureStatus == .wrongKey)
        #expect(try Vault.open(at: store.path, vaultKey: store.vault.vaultKey(), mode: .writing).adapters.all().isEmpty)
    }

    @Test func anotherVersionOfTheKeyFileNamesBoth() throws {
        let store = try TestStore()
        try store.vault.close()
        try TestStore.flip(store.path + "/vault.key", byte: 11, bit: 1)
        let error = failure { try TestStore.open(store.path) }
        #expect(error?.failureCode == "E-VAULT-004")
        #expect("\(error!)".contains("format 3 (vault.key)") && "\(error!)".contains("format 1"))
    }

    @Test(arguments: [Vault.Mode.reading, .writing])
    func aNewerLayoutOfTheTablesIsRefusedAndLeftAlone(mode: Vault.Mode) throws {
        let store = try TestStore()
        try store.vault.write { try $0.execute(sql: "PRAGMA user_version = \(StoreSchema.format + 1)") }
        try store.vault.close()
        let error = failure { try TestStore.open(store.path, mode) }
        #expect(error?.failureCode == "E-VAULT-004")
        #expect("\(error!)".contains("format \(StoreSchema.format + 1)"))
        #expect("\(error!)".contains("format \(StoreSchema.format)"))
    }

    @Test func aDamagedKeyFileIsSaidToBeDamaged() throws {
        let store = try TestStore()
        try store.vault.close()
        let size = try Data(contentsOf: URL(filePath: store.path + "/vault.key")).count
        for byte in [20, 40, 100, size - 1] {
            try TestStore.flip(store.path + "/vault.key", byte: byte)
            let error = failure { try TestStore.open(store.path) }
            #expect(error != nil)
            try TestStore.flip(store.path + "/vault.key", byte: byte)
        }
        #expect(failure { try TestStore.open(store.path) } == nil)
    }

    @Test func theFolderIsForItsOwnerOnly() throws {
        let store = try TestStore()
        try store.vault.versions.add(to: "a", base: TestStore.base, TestStore.version())
        for path in [store.path, store.path + "/chunks", store.path + "/tmp"] {
            #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o700)
        }
        for path in TestStore.files(store.path) {
            #expect(
                try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600, "\(path)")
        }
    }

    @Test func nothingThatIsThereIsOverwritten() throws {
        let store = try TestStore()
        let again = failure {
            try Vault.create(
                at: store.path, passphrase: TestStore.secret("x"), recovery: .random(), cost: TestStore.cost)
        }
        #expect(again?.failureCode == "E-VAULT-008")
        #expect(again?.failureStatus == .conflict)
        let directory = try TemporaryDirectory()
        try directory.write("mine", to: "full/letter.txt")
        let full = failure {
            try Vault.create(
                at: directory.path + "/full", passphrase: TestStore.secret("x"), recovery: .random(),
                cost: TestStore.cost)
        }
        #expect(full?.failureCode == "E-VAULT-008")
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["full"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path + "/full") == ["letter.txt"])
    }

    @Test func aStoreIsMadeInAnEmptyFolderAndBelowFoldersThatAreNotThereYet() throws {
        let directory = try TemporaryDirectory()
        for path in [directory.path, directory.path + "x/y/z"] {
            let vault = try Vault.create(
                at: path, passphrase: TestStore.secret("x"), recovery: .random(), cost: TestStore.cost)
            #expect(try vault.adapters.all().isEmpty)
            #expect(Vault.exists(at: path))
        }
        try FileManager.default.removeItem(atPath: directory.path + "x")
    }

    @Test func aLinkToTheStoreOpensTheStore() throws {
        let store = try TestStore()
        try store.vault.versions.add(to: "a", base: TestStore.base, TestStore.version())
        try store.vault.close()
        let link = store.directory.path + "/link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: store.path)
        #expect(try TestStore.open(link).adapters.all().map(\.name) == ["a"])
    }

    @Test func networkDisksAreRecognised() {
        let mounts = """
            21 1 8:1 / / rw - ext4 /dev/sda1 rw
            36 21 0:52 / /home/me rw,relatime shared:1 - nfs4 server:/me rw,vers=4.2
            37 21 0:53 / /mnt rw shared:2 - cifs //server/me rw
            38 21 259:300 / /data rw - xfs /dev/nvme0n1p1 rw
            """
        #expect(!StoreFolder.isNetwork(device: 0x801, mounts: mounts))
        #expect(StoreFolder.isNetwork(device: 52, mounts: mounts))
        #expect(StoreFolder.isNetwork(device: 53, mounts: mounts))
        #expect(!StoreFolder.isNetwork(device: 0x11_032c, mounts: mounts))
        #expect(!StoreFolder.isNetwork(device: 99, mounts: "nonsense\n1 2"))
    }
}
