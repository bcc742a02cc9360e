// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB
import Testing

@testable import AttuneVault

struct UndoTests {
    /// What a person sees of the store.
    private struct Picture: Equatable {
        var adapters: [String]
        var heads: [Int]
        var labels: [String: Int]
        var trash: [String]

        init(_ vault: Vault) throws {
            let live = try vault.adapters.all()
            adapters = live.map { "\($0.name) \($0.versions)" }
            heads = live.map { $0.head?.number ?? 0 }
            labels = [:]
            for adapter in live {
                for version in try vault.versions.all(of: adapter.name) {
                    for label in version.labels { labels["\(adapter.name):\(label)"] = version.number }
                }
            }
            trash = try vault.trash.entries().map(\.name)
        }
    }

    private static func filled() throws -> TestStore {
        let store = try TestStore()
        for seed in 1...3 {
            try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(UInt8(seed)))
        }
        try store.vault.versions.label(VersionReference("notes@1"), as: "first")
        try store.vault.versions.add(to: "mail", base: TestStore.base, TestStore.version(9))
        return store
    }

    /// One change of each kind.
    private static func change(_ name: String, _ vault: Vault) throws {
        switch name {
        case "rename": try vault.adapters.rename("notes", to: "diary")
        case "copy": try vault.adapters.copy(VersionReference("notes@2"), to: "copy")
        case "label": try vault.versions.label(VersionReference("notes@2"), as: "best")
        case "move a label": try vault.versions.label(VersionReference("notes@2"), as: "first")
        case "remove a label": try vault.versions.removeLabel("first", of: "notes")
        case "rollback": try vault.adapters.rollback("notes", to: .number(1))
        case "rollback by one": try vault.adapters.rollback("notes")
        case "remove an adapter": try vault.adapters.trash("notes")
        case "remove a version": try vault.versions.trash(VersionReference("notes@2"))
        default: Issue.record("no change \(name)")
        }
    }

    @Test(arguments: [
        "rename", "copy", "label", "move a label", "remove a label", "rollback", "rollback by one", "remove an adapter",
        "remove a version",
    ])
    func oneStepIsReverted(name: String) throws {
        let store = try Self.filled()
        var before = try Picture(store.vault)
        try Self.change(name, store.vault)
        #expect(try Picture(store.vault) != before)
        let undone = try store.vault.journal.undo()
        #expect(undone.isUndone)
        // Nothing that was made is ever erased by undoing it.
        if name == "copy" { before.trash = ["copy"] }
        #expect(try Picture(store.vault) == before)
        #expect(try store.vault.journal.operations(limit: 1).first == undone)
        #expect(try store.vault.verify().isWhole)
    }

    @Test func aNewVersionGoesToTheTrash() throws {
        let store = try Self.filled()
        try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(20))
        try store.vault.journal.undo()
        #expect(try store.vault.versions.fetch("notes").number == 3)
        #expect(failure { try store.vault.versions.fetch("notes@4") } != nil)
        #expect(try store.vault.trash.entries().map(\.name) == ["notes@4"])
        try store.vault.trash.restore("notes@4")
        #expect(try store.vault.versions.fetch("notes@4").number == 4)
        #expect(try store.vault.versions.fetch("notes").number == 3)
    }

    @Test func noUndoPutsTheVersionInUseIntoTheTrash() throws {
        let store = try Self.filled()
        try store.vault.versions.trash(VersionReference("notes@1"))
        try store.vault.trash.restore("notes@1")
        // Another device goes back to it.
        try store.vault.write { database in
            try database.execute(
                sql: """
                    UPDATE adapters SET head = (SELECT seq FROM versions WHERE adapter = adapters.id AND number = 1)
                    WHERE name = 'notes'
                    """)
        }
        #expect(failure { try store.vault.journal.undo() }?.failureCode == "E-VAULT-035")
        #expect(try store.vault.versions.fetch("notes").number == 1)
        #expect(try store.vault.trash.entries().isEmpty)
    }

    @Test func aNewAdapterGoesToTheTrash() throws {
        let store = try Self.filled()
        try store.vault.journal.undo()
        #expect(try store.vault.adapters.all().map(\.name) == ["notes"])
        #expect(try store.vault.trash.entries().map(\.name) == ["mail"])
        try store.vault.trash.restore("mail")
        #expect(try store.vault.versions.fetch("mail").number == 1)
    }

    @Test func aNumberIsNotUsedTwice() throws {
        let store = try Self.filled()
        try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(20))
        try store.vault.journal.undo()
        #expect(try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(21)).number == 5)
    }

    @Test func aRestoreIsReverted() throws {
        let store = try Self.filled()
        try store.vault.adapters.trash("notes")
        let before = try Picture(store.vault)
        try store.vault.trash.restore("notes")
        try store.vault.journal.undo()
        #expect(try Picture(store.vault) == before)
        try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(30))
        #expect(failure { try store.vault.trash.restore("notes") }?.failureCode == "E-VAULT-021")
        let taken = try Picture(store.vault)
        try store.vault.trash.restore("notes", as: "older")
        #expect(try store.vault.adapters.all().map(\.name).sorted() == ["mail", "notes", "older"])
        try store.vault.journal.undo()
        #expect(try Picture(store.vault) == taken)
    }

    @Test func everythingCanBeUndoneFromTheEndToTheStart() throws {
        let store = try TestStore()
        let vault = store.vault
        var pictures: [Picture] = []
        func step(_ change: () throws -> Void) throws {
            pictures.append(try Picture(vault))
            try change()
        }
        try step { try vault.versions.add(to: "a", base: TestStore.base, TestStore.version(1)) }
        try step { try vault.versions.add(to: "a", base: TestStore.base, TestStore.version(2)) }
        try step { try vault.adapters.copy(VersionReference("a@1"), to: "b") }
        try step { try vault.versions.label(VersionReference("b"), as: "x") }
        try step { try vault.adapters.rename("a", to: "c") }
        try step { try vault.adapters.trash("c") }
        try step { try vault.adapters.rename("b", to: "c") }
        try step { try vault.versions.add(to: "c", base: TestStore.base, TestStore.version(3)) }
        try step { try vault.adapters.rollback("c") }
        try step { try vault.versions.label(VersionReference("c@2"), as: "x") }
        for picture in pictures.reversed() {
            try vault.journal.undo()
            let now = try Picture(vault)
            #expect(now.adapters == picture.adapters)
            #expect(now.heads == picture.heads)
            #expect(now.labels == picture.labels)
        }
        #expect(failure { try vault.journal.undo() }?.failureCode == "E-VAULT-034")
        #expect(try vault.verify().isWhole)
    }

    @Test func runsAndChatsComeBack() throws {
        let store = try TestStore()
        let run = try store.vault.runs.create(
            adapter: "notes", configuration: "{}", base: TestStore.base, data: TestStore.data, steps: 1)
        #expect(failure { try store.vault.runs.trash(run.id) }?.failureCode == "E-VAULT-036")
        try store.vault.runs.update(run.id, state: .finished)
        try store.vault.runs.trash(run.id)
        #expect(try store.vault.runs.all().isEmpty)
        try store.vault.journal.undo()
        #expect(try store.vault.runs.all().map(\.id) == [run.id])
        let chat = try store.vault.chats.create(title: "boats")
        try store.vault.chats.trash(chat.id)
        #expect(try store.vault.chats.all().isEmpty)
        #expect(failure { try store.vault.chats.append(.user, "x", to: chat.id) }?.failureCode == "E-VAULT-031")
        try store.vault.journal.undo()
        #expect(try store.vault.chats.all().map(\.title) == ["boats"])
    }

    @Test func theLogTellsWhatHappened() throws {
        let store = try Self.filled()
        try store.vault.adapters.rename("notes", to: "diary")
        #expect(
            try store.vault.journal.operations(limit: 3).map(\.description) == [
                "rename notes to diary", "add mail@1", "label notes@1 as first",
            ])
        #expect(try store.vault.journal.operations().allSatisfy { $0.canBeUndone && !$0.isUndone })
        #expect(try store.vault.journal.operations(limit: -1).isEmpty)
    }

    @Test func whatStandsInTheWayIsSaidAndNothingChanges() throws {
        let store = try Self.filled()
        try store.vault.adapters.trash("mail")
        // Only the trash is undone by way of the log; a name can be taken without it by another operation that stays.
        try store.vault.write { try AdapterTable.setName($0, Self.id(store, "notes"), to: "mail") }
        let error = failure { try store.vault.journal.undo() }
        #expect(error?.failureCode == "E-VAULT-035")
        #expect(error?.failureStatus == .conflict)
        #expect(try store.vault.adapters.all().map(\.name) == ["mail"])
    }

    private static func id(_ store: TestStore, _ name: String) throws -> AdapterID {
        try store.vault.adapters.fetch(named: name).id
    }
}
