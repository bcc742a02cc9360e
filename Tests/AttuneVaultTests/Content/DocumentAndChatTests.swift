// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import GRDB
import Testing

@testable import AttuneVault

struct DocumentAndChatTests {
    @Test func aDocumentIsKeptOnceUnderItsFirstName() throws {
        let store = try TestStore()
        let first = try store.vault.documents.put(name: "a.txt", text: "Grüße\n")
        let again = try store.vault.documents.put(name: "b.txt", text: "Grüße\n")
        #expect(first == again)
        #expect(first.name == "a.txt")
        #expect(first.bytes == 8)
        #expect(first.digest.digest == BLAKE2b.hash(Array("Grüße\n".utf8)))
        #expect(try store.vault.documents.text(of: first.digest) == "Grüße\n")
        #expect(try store.vault.documents.all() == [first])
        #expect(failure { try store.vault.documents.text(of: .filled(7)) }?.failureCode == "E-VAULT-032")
    }

    @Test func oddTextsComeBackAsTheyWere() throws {
        let store = try TestStore()
        for text in [
            "", "a\u{0}b", "cafe\u{301}", "caf\u{e9}", "\r\n", "\u{FEFF}x", String(repeating: "é", count: 100_000),
        ] {
            let document = try store.vault.documents.put(name: "x", text: text)
            #expect(Array(try store.vault.documents.text(of: document.digest).utf8) == Array(text.utf8))
        }
        #expect(try store.vault.documents.all().count == 7)
    }

    @Test func oneBadDocumentKeepsAllOut() throws {
        let store = try TestStore()
        try store.vault.write { try $0.execute(sql: "PRAGMA max_page_count = 60") }
        let texts = [("a", "small"), ("b", String(repeating: "big ", count: 100_000))]
        #expect(failure { try store.vault.documents.put(texts) }?.failureStatus == .doesNotFit)
        #expect(try store.vault.documents.all().isEmpty)
    }

    @Test func anErasedDocumentIsGone() throws {
        let store = try TestStore()
        let document = try store.vault.documents.put(name: "a", text: "alpha")
        let run = try store.vault.runs.create(
            adapter: "notes", configuration: "{}", base: TestStore.base, data: TestStore.data, steps: 1,
            documents: [document.digest])
        try store.vault.documents.erase(document.digest)
        #expect(try store.vault.documents.all().isEmpty)
        #expect(try store.vault.runs.documents(of: run.id).isEmpty)
        #expect(failure { try store.vault.documents.erase(document.digest) }?.failureCode == "E-VAULT-032")
    }

    @Test func chatsKeepTheirMessagesInOrder() throws {
        let store = try TestStore()
        let vault = store.vault
        let version = try vault.versions.add(to: "notes", base: TestStore.base, TestStore.version())
        let chat = try vault.chats.create(title: "boats")
        try vault.chats.append(.system, "be brief", to: chat.id)
        try vault.chats.append(.user, "when?", to: chat.id)
        try vault.chats.append(.assistant, "in May", to: chat.id, version: version.id)
        let messages = try vault.chats.messages(of: chat.id)
        #expect(messages.map(\.role) == [.system, .user, .assistant])
        #expect(messages.map(\.content) == ["be brief", "when?", "in May"])
        #expect(messages.map(\.version) == [nil, nil, version.id])
        #expect(try vault.chats.all().map(\.messages) == [3])
        try vault.chats.dropLast(1, of: chat.id)
        #expect(try vault.chats.all().map(\.title) == ["boats"])
        #expect(try vault.chats.messages(of: chat.id).count == 2)
        #expect(failure { try vault.chats.messages(of: 99) }?.failureCode == "E-VAULT-031")
    }

    @Test func settingsAreSetAndForgotten() throws {
        let store = try TestStore()
        #expect(try store.vault.settings.value(of: "base") == nil)
        try store.vault.settings.set("base", to: "smollm2")
        try store.vault.settings.set("base", to: "other")
        #expect(try store.vault.settings.value(of: "base") == "other")
        #expect(try store.vault.settings.all() == ["base": "other"])
        try store.vault.settings.set("base", to: nil)
        #expect(try store.vault.settings.value(of: "base") == nil)
    }

    @Test func statisticsCountWhatIsThere() throws {
        let store = try TestStore()
        let vault = store.vault
        try vault.versions.add(to: "notes", base: TestStore.base, TestStore.version(1))
        try vault.versions.add(to: "mail", base: TestStore.base, TestStore.version(2))
        try vault.adapters.trash("mail")
        try vault.documents.put(name: "a", text: "alpha")
        let numbers = try vault.statistics()
        #expect(numbers.adapters == 1)
        #expect(numbers.versions == 1)
        #expect(numbers.trashed == 1)
        #expect(numbers.documents == 1)
        #expect(numbers.documentBytes == 5)
        #expect(numbers.chunks == 2)
        #expect(numbers.chunkBytes == 2 * 4096)
        #expect(numbers.databaseBytes >= 4096)
        #expect(numbers.freeBytes > 0)
    }

    @Test func compactionGivesSpaceBack() throws {
        let store = try TestStore()
        let document = try store.vault.documents.put(name: "a", text: String(repeating: "alpha ", count: 300_000))
        try store.vault.documents.erase(document.digest)
        try store.vault.compact()
        let numbers = try store.vault.statistics()
        #expect(numbers.databaseBytes < 500_000)
        #expect(numbers.logBytes == 0)
        #expect(try store.vault.verify().isWhole)
    }
}
