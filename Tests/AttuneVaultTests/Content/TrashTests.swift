// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import Synchronization
import Testing

@testable import AttuneVault

struct TrashTests {
    /// A clock that a test moves.
    private final class TestClock: Sendable {
        private let time = Mutex(Date(timeIntervalSince1970: 1_700_000_000))
        func advance(days: Double) { time.withLock { $0 += days * 86_400 } }
        var now: Vault.Clock { { self.time.withLock { $0 } } }
    }

    @Test func removedThingsStayThirtyDays() throws {
        let clock = TestClock()
        let store = try TestStore(now: clock.now)
        let vault = store.vault
        try vault.addVersion(to: "notes", base: TestStore.base, TestStore.version(1))
        try vault.addVersion(to: "mail", base: TestStore.base, TestStore.version(2))
        try vault.trashAdapter("notes")
        clock.advance(days: 29)
        #expect(try vault.purgeTrash().isEmpty)
        clock.advance(days: 2)
        #expect(try vault.purgeTrash() == ["notes"])
        #expect(try vault.trash().isEmpty)
        #expect(TestStore.chunkFiles(store.path).count == 1)
        #expect(failure { try vault.restore("notes") }?.failureCode == "E-VAULT-033")
        #expect(try vault.verify().isWhole)
        // What is left of the log skips what is gone.
        #expect(try vault.undo().description == "add mail@1")
        #expect(failure { try vault.undo() }?.failureCode == "E-VAULT-034")
    }

    @Test func aClockThatGoesBackErasesNothing() throws {
        let clock = TestClock()
        let store = try TestStore(now: clock.now)
        try store.vault.addVersion(to: "notes", base: TestStore.base, TestStore.version(1))
        try store.vault.trashAdapter("notes")
        clock.advance(days: -3650)
        #expect(try store.vault.purgeTrash().isEmpty)
        #expect(try store.vault.trash().map(\.name) == ["notes"])
    }

    @Test func sharedBytesStayWhileAnyoneNeedsThem() throws {
        let store = try TestStore()
        let vault = store.vault
        try vault.addVersion(to: "notes", base: TestStore.base, TestStore.version(1))
        let copy = try vault.copy(VersionReference("notes"), to: "copy")
        try vault.trashAdapter("notes")
        try vault.purgeTrash(olderThan: 0)
        #expect(try vault.versionBytes(copy.id) == TestStore.bytes(3000, seed: 1))
        try vault.trashAdapter("copy")
        try vault.purgeTrash(olderThan: 0)
        #expect(TestStore.chunkFiles(store.path).isEmpty)
    }

    @Test func everyKindOfThingIsErased() throws {
        let store = try TestStore()
        let vault = store.vault
        for seed in 1...3 { try vault.addVersion(to: "notes", base: TestStore.base, TestStore.version(UInt8(seed))) }
        try vault.trashVersion(VersionReference("notes@1"))
        try vault.trashVersion(VersionReference("notes@2"))
        let run = try vault.createRun(
            adapter: "notes", configuration: "{}", base: TestStore.base, data: TestStore.data, steps: 1)
        try vault.saveCheckpoint(BlobContent([1, 2, 3]), step: 1, ofRun: run.id)
        try vault.updateRun(run.id, state: .interrupted)
        try vault.trashRun(run.id)
        let chat = try vault.createChat(title: "boats")
        try vault.appendMessage(.user, "hello", toChat: chat.id)
        try vault.trashChat(chat.id)
        try vault.trashAdapter("notes")
        #expect(try vault.trash().count == 5)
        #expect(try vault.purgeTrash(olderThan: 0).count == 5)
        #expect(try vault.trash().isEmpty)
        #expect(TestStore.chunkFiles(store.path).isEmpty)
        #expect(try vault.statistics().messages == 0)
        #expect(try vault.verify().isWhole)
        #expect(failure { try vault.undo() }?.failureCode == "E-VAULT-034")
    }

    @Test func theVersionInUseStays() throws {
        let store = try TestStore()
        try store.vault.addVersion(to: "notes", base: TestStore.base, TestStore.version(1))
        let error = failure { try store.vault.trashVersion(VersionReference("notes@1")) }
        #expect(error?.failureCode == "E-VAULT-026")
    }

    @Test func twoOfOneNameLieInTheTrashTogether() throws {
        let store = try TestStore()
        let vault = store.vault
        for seed in 1...2 {
            try vault.addVersion(to: "notes", base: TestStore.base, TestStore.version(UInt8(seed), count: 10 * seed))
            try vault.trashAdapter("notes")
        }
        let first = try vault.trash()[0]
        try vault.restore("notes")
        #expect(try vault.version("notes").size == 20)
        try vault.restore(first, as: "older")
        #expect(try vault.version("older").size == 10)
        #expect(failure { try vault.restore(first) }?.failureCode == "E-VAULT-033")
    }

    @Test func orderDoesNotComeFromTheClock() throws {
        let clock = TestClock()
        let store = try TestStore(now: clock.now)
        let vault = store.vault
        for (index, name) in ["a", "b", "c", "d"].enumerated() {
            clock.advance(days: index % 2 == 0 ? -400 : 300)
            try vault.addVersion(to: name, base: TestStore.base, TestStore.version(UInt8(index)))
            try vault.putDocument(name: name, text: name)
            try vault.createChat(title: name)
            try vault.createRun(
                adapter: name, configuration: "{}", base: TestStore.base, data: TestStore.data, steps: 1)
        }
        #expect(try vault.adapters().map(\.name) == ["a", "b", "c", "d"])
        #expect(try vault.documents().map(\.name) == ["a", "b", "c", "d"])
        #expect(try vault.chats().map(\.title) == ["a", "b", "c", "d"])
        #expect(try vault.runs().map(\.adapter) == ["a", "b", "c", "d"])
        #expect(try vault.undo().description == "add d@1")
        #expect(try vault.undo().description == "add c@1")
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, 1e300])
    func anAbsurdClockDoesNoHarm(seconds: Double) throws {
        let store = try TestStore(now: { Date(timeIntervalSince1970: seconds) })
        try store.vault.addVersion(to: "a", base: TestStore.base, TestStore.version())
        #expect(try store.vault.version("a").number == 1)
    }
}
