// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import Testing

@testable import AttuneVault

/// What opens a backup whose store has another passphrase and other recovery words since.
struct BackupKeyTests {
    private let store: TestStore
    private let newWords = RecoveryWords.random().words.joined(separator: " ")
    private var backup: String { store.directory.path + "/backup" }
    private var earlierWords: String { store.words.joined(separator: " ") }

    init() throws {
        store = try BackupTests.filled()
        try store.vault.backUp(to: backup)
    }

    private func changeKeys() throws {
        try store.vault.changePassphrase(to: TestStore.secret("new"), cost: TestStore.cost)
        try store.vault.replaceRecoveryWords(RecoveryWords(words: newWords))
    }

    private func opened(_ passphrase: String) throws -> Backup {
        try Backup.open(at: backup, passphrase: TestStore.secret(passphrase))
    }

    private func keyFile(_ state: Int) throws -> Data {
        try Data(contentsOf: URL(filePath: "\(backup)/states/\(state)/vault.key"))
    }

    @Test func whatWasReplacedOpensTheBackupUntilTheNextOne() throws {
        try changeKeys()
        #expect(failure { try opened(TestStore.passphrase) } == nil)
        #expect(failure { try opened("new") }?.failureCode == "E-KEY-001")
        try store.vault.documents.put(name: "later", text: "made later")
        #expect(try store.vault.backUp(to: backup).states == [1, 2])
        #expect(failure { try opened(TestStore.passphrase) }?.failureCode == "E-KEY-001")
        let words = failure { try Backup.open(at: backup, recovery: RecoveryWords(words: earlierWords)) }
        #expect(words?.failureCode == "E-KEY-002")
        #expect(failure { try Backup.open(at: backup, recovery: RecoveryWords(words: newWords)) } == nil)
        #expect(try keyFile(1) == keyFile(2))
        let both = try opened("new")
        #expect(both.remark == nil)
        #expect(try both.verify().wholeStates == [1, 2])
        for state in [1, 2] {
            let places = ["whole", "rest"].map { "\(store.directory.path)/\($0)-\(state)" }
            try both.restore(to: places[0], state: state)
            #expect(try both.salvage(to: places[1], state: state).isComplete, "state \(state)")
            for place in places {
                let new = failure { try Vault.open(at: place, passphrase: TestStore.secret("new"), mode: .reading) }
                #expect(new == nil, "\(place)")
                let earlier = failure { try TestStore.open(place, .reading) }
                #expect(earlier?.failureCode == "E-KEY-001", "\(place)")
            }
        }
    }

    /// A run that ended before it, or a program that did not know of it, left the earlier key file in its state.
    @Test func anEarlierKeyFileThatWasLeftOpensNothing() throws {
        let earlier = try keyFile(1)
        try changeKeys()
        try store.vault.backUp(to: backup)
        try earlier.write(to: URL(filePath: backup + "/states/1/vault.key"))
        #expect(failure { try opened(TestStore.passphrase) }?.failureCode == "E-KEY-001")
        #expect(try opened("new").verify().problems == [])
        let place = store.directory.path + "/restored"
        try opened("new").restore(to: place, state: 1)
        #expect(failure { try TestStore.open(place, .reading) }?.failureCode == "E-KEY-001")
        // A third key file: the second one lies in the first state, whose manifest names neither.
        var options = BackupOptions()
        options.keep = 9
        try store.vault.backUp(to: backup, options: options)
        let second = try keyFile(1)
        try store.vault.changePassphrase(to: TestStore.secret("third"), cost: TestStore.cost)
        try store.vault.backUp(to: backup, options: options)
        #expect(try keyFile(1) != second)
        try second.write(to: URL(filePath: backup + "/states/1/vault.key"))
        #expect(try opened("third").verify().problems == [])
    }

    @Test(arguments: ["missing", "flipped", "cut"]) func anEarlierStateOpensOneWhoseKeyFileIsDamaged(
        _ harm: String
    ) throws {
        let earlier = try keyFile(1)
        try changeKeys()
        try store.vault.backUp(to: backup)
        let newest = backup + "/states/2/vault.key"
        switch harm {
        case "missing": try FileManager.default.removeItem(atPath: newest)
        case "flipped": try TestStore.flip(newest, byte: 90)
        default: try keyFile(2).prefix(90).write(to: URL(filePath: newest))
        }
        do {
            let renewed = try opened("new")
            #expect(renewed.remark?.contains("state 1") == true)
            #expect(try renewed.verify().problems.map(\.subject) == ["states/2/vault.key"])
            // So does that of before, where a run ended early.
            try earlier.write(to: URL(filePath: backup + "/states/1/vault.key"))
            let before = try opened(TestStore.passphrase)
            #expect(before.remark?.contains("state 1") == true)
            #expect(try before.verify().wholeStates == [1])
            try before.restore(to: store.directory.path + "/restored", state: 1)
        }
        #expect(failure { try TestStore.open(store.directory.path + "/restored", .reading) } == nil)
        #expect(try store.vault.backUp(to: backup).states == [2, 3])
        #expect(try opened("new").verify().problems == [])
    }
}
