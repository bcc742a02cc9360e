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
        try vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(1))
        try vault.versions.add(to: "mail", base: TestStore.base, TestStore.version(2))
        try vault.adapters.trash("notes")
        clock.advance(days: 29)
        #expect(try vault.trash.purge().isEmpty)
        clock.advance(days: 2)
        #expect(try vault.trash.purge() == ["notes"])
        #expect(try vault.trash.entries().isEmpty)
        #expect(TestStore.chunkFiles(store.path).count == 1)
        #expect(failure { try vault.trash.restore("notes") }?.failureCode == "E-VAULT-033")
        #expect(try vault.verify().isWhole)
        // What is left of the log skips what is gone.
        #expect(try vault.journal.undo().description == "add mail@1")
        #expect(failure { try vault.journal.undo() }?.failureCode == "E-VAULT-034")
    }

    @Test func aClockThatGoesBackErasesNothing() throws {
        let clock = TestClock()
        let store = try TestStore(now: clock.now)
        try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(1))
        try store.vault.adapters.trash("notes")
        clock.advance(days: -3650)
        #expect(try store.vault.trash.purge().isEmpty)
        #expect(try store.vault.trash.entries().map(\.name) == ["notes"])
    }

    @Test func sharedBytesStayWhileAnyoneNeedsThem() throws {
        let store = try TestStore()
        let vault = store.vault
        try vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(1))
        let copy = try vault.adapters.copy(VersionReference("notes"), to: "copy")
        try vault.adapters.trash("notes")
        try vault.trash.purge(olderThan: 0)
        #expect(try vault.versions.bytes(copy.id) == TestStore.bytes(3000, seed: 1))
        try vault.adapters.trash("copy")
        try vault.trash.purge(olderThan: 0)
        #expect(TestStore.chunkFiles(store.path).isEmpty)
    }

    @Test func everyKindOfThingIsErased() throws {
        let store = try TestStore()
        let vault = store.vault
        for seed in 1...3 { try vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(UInt8(seed))) }
        try vault.versions.trash(VersionReference("notes@1"))
        try vault.versions.trash(VersionReference("notes@2"))
        let run = try vault.runs.create(
            adapter: "notes", configuration: "{}", base: TestStore.base, data: TestStore.data, steps: 1)
        try vault.runs.saveCheckpoint(BlobContent([1, 2, 3]), step: 1, of: run.id)
        try vault.runs.update(run.id, state: .interrupted)
        try vault.runs.trash(run.id)
        let chat = try vault.chats.create(title: "boats")
        try vault.chats.append(.user, "hello", to: chat.id)
        try vault.chats.trash(chat.id)
        try vault.adapters.trash("notes")
        #expect(try vault.trash.entries().count == 5)
        #expect(try vault.trash.purge(olderThan: 0).count == 5)
        #expect(try vault.trash.entries().isEmpty)
        #expect(TestStore.chunkFiles(store.path).isEmpty)
        #expect(try vault.statistics().messages == 0)
        #expect(try vault.verify().isWhole)
        #expect(failure { try vault.journal.undo() }?.failureCode == "E-VAULT-034")
    }

    @Test func theVersionInUseStays() throws {
        let store = try TestStore()
        try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(1))
        let error = failure { try store.vault.versions.trash(VersionReference("notes@1")) }
        #expect(error?.failureCode == "E-VAULT-026")
    }

    @Test func twoOfOneNameLieInTheTrashTogether() throws {
        let store = try TestStore()
        let vault = store.vault
        for seed in 1...2 {
            try vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(UInt8(seed), count: 10 * seed))
            try vault.adapters.trash("notes")
        }
        let first = try vault.trash.entries()[0]
        try vault.trash.restore("notes")
        #expect(try vault.versions.fetch("notes").size == 20)
        try vault.trash.restore(first, as: "older")
        #expect(try vault.versions.fetch("older").size == 10)
        #expect(failure { try vault.trash.restore(first) }?.failureCode == "E-VAULT-033")
    }

    @Test func orderDoesNotComeFromTheClock() throws {
        let clock = TestClock()
        let store = try TestStore(now: clock.now)
        let vault = store.vault
        for (index, name) in ["a", "b", "c", "d"].enumerated() {
            clock.advance(days: index % 2 == 0 ? -400 : 300)
            try vault.versions.add(to: name, base: TestStore.base, TestStore.version(UInt8(index)))
            try vault.documents.put(name: name, text: name)
            try vault.chats.create(title: name)
            try vault.runs.create(
                adapter: name, configuration: "{}", base: TestStore.base, data: TestStore.data, steps: 1)
        }
        #expect(try vault.adapters.all().map(\.name) == ["a", "b", "c", "d"])
        #expect(try vault.documents.all().map(\.name) == ["a", "b", "c", "d"])
        #expect(try vault.chats.all().map(\.title) == ["a", "b", "c", "d"])
        #expect(try vault.runs.all().map(\.adapter) == ["a", "b", "c", "d"])
        #expect(try vault.journal.undo().description == "add d@1")
        #expect(try vault.journal.undo().description == "add c@1")
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, 1e300])
    func anAbsurdClockDoesNoHarm(seconds: Double) throws {
        let store = try TestStore(now: { Date(timeIntervalSince1970: seconds) })
        try store.vault.versions.add(to: "a", base: TestStore.base, TestStore.version())
        #expect(try store.vault.versions.fetch("a").number == 1)
    }
}
