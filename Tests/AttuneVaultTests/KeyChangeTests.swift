// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import Testing

@testable import AttuneVault

struct KeyChangeTests {
    @Test func aNewPassphraseReplacesTheOldAndLeavesTheDatabaseAlone() throws {
        let store = try TestStore()
        try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version())
        try store.vault.close()
        let changing = ["vault.key", "attune.mark", "lock"]
        let others = TestStore.files(store.path).filter { !changing.contains(URL(filePath: $0).lastPathComponent) }
        let vault = try TestStore.open(store.path)
        func contents() throws -> [Data] { try others.map { try Data(contentsOf: URL(filePath: $0)) } }
        let before = try contents()
        try vault.changePassphrase(to: TestStore.secret("new"), cost: TestStore.cost)
        #expect(try contents() == before)
        #expect(!FileManager.default.fileExists(atPath: store.path + "/vault.key.old"))
        try vault.close()
        #expect(failure { try TestStore.open(store.path) }?.failureStatus == .wrongKey)
        let again = try Vault.open(at: store.path, passphrase: TestStore.secret("new"), mode: .writing)
        #expect(try again.adapters.all().map(\.name) == ["notes"])
    }

    @Test func aChangeAtFullCostTakesLessThanTwoSeconds() throws {
        let store = try TestStore()
        let start = TestStore.ownSeconds()
        try store.vault.changePassphrase(to: TestStore.secret("new"))
        let time = TestStore.ownSeconds() - start
        // Debug builds on a busy machine get some room; libsodium itself is always optimised.
        #expect(time < (ProcessInfo.processInfo.environment["ATTUNE_STRICT_TIMES"] == nil ? 20 : 2), "\(time) s")
    }

    @Test func recoveryWordsSetANewPassphrase() throws {
        let store = try TestStore()
        try store.vault.documents.put(name: "a", text: "alpha")
        try store.vault.close()
        let vault = try Vault.recover(
            at: store.path, words: RecoveryWords(words: store.words.joined(separator: " ")),
            newPassphrase: TestStore.secret("new"), cost: TestStore.cost)
        #expect(try vault.documents.all().count == 1)
        try vault.close()
        #expect(failure { try TestStore.open(store.path) }?.failureStatus == .wrongKey)
        #expect(failure { try Vault.open(at: store.path, passphrase: TestStore.secret("new"), mode: .reading) } == nil)
        let wrong = failure {
            try Vault.recover(
                at: store.path, words: .random(), newPassphrase: TestStore.secret("x"), cost: TestStore.cost)
        }
        #expect(wrong?.failureStatus == .wrongKey)
    }

    @Test func newRecoveryWordsReplaceTheOld() throws {
        let store = try TestStore()
        let words = RecoveryWords.random()
        try store.vault.replaceRecoveryWords(words)
        try store.vault.close()
        let old = failure {
            try Vault.open(
                at: store.path, recovery: RecoveryWords(words: store.words.joined(separator: " ")), mode: .reading)
        }
        #expect(old?.failureStatus == .wrongKey)
        #expect(failure { try Vault.open(at: store.path, recovery: words, mode: .reading) } == nil)
        #expect(failure { try TestStore.open(store.path) } == nil)
    }

    @Test func aChangeThatWasCutOffLeavesAStoreThatOpens() throws {
        let store = try TestStore()
        try store.vault.close()
        let key = URL(filePath: store.path + "/vault.key")
        let old = URL(filePath: store.path + "/vault.key.old")
        let good = try Data(contentsOf: key)
        // Killed after the link and before the rename, with a fragment, and with a damaged new file.
        try good.write(to: old)
        try TestStore.open(store.path).close()
        #expect(!FileManager.default.fileExists(atPath: old.path))
        for fragment in [Data(), good.prefix(50), Data(good.map { $0 ^ 0xFF })] {
            try good.write(to: old)
            try fragment.write(to: key)
            try TestStore.open(store.path, .reading).close()
            try TestStore.open(store.path).close()
            #expect(try Data(contentsOf: key) == good)
            #expect(!FileManager.default.fileExists(atPath: old.path))
        }
        try good.write(to: old)
        try FileManager.default.removeItem(at: key)
        #expect(Vault.exists(at: store.path))
        try TestStore.open(store.path).close()
        #expect(try Data(contentsOf: key) == good)
    }

    @Test func aReaderCannotChangeThePassphrase() throws {
        let store = try TestStore()
        try store.vault.close()
        let reader = try TestStore.open(store.path, .reading)
        #expect(
            failure { try reader.changePassphrase(to: TestStore.secret("x"), cost: TestStore.cost) }?.failureCode
                == "E-VAULT-010")
    }
}
