// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import GRDB
import Testing

@testable import AttuneVault

struct PrivacyTests {
    /// Words that occur nowhere but in what a person wrote.
    private static let markers = [
        "zwetschgenkuchen", "quokkaharbour", "velvetastrolabe", "mossgreenlighthouse", "cinnamonbarometer",
        "tangerineoboe", "umbrellapeninsula",
    ]

    /// Fails if a marker is in any file below `path`, in either case and as UTF-16.
    private static func search(_ path: String) throws {
        let files = TestStore.files(path)
        #expect(files.count >= 4)
        for file in files {
            let content = try Data(contentsOf: URL(filePath: file))
            for marker in markers {
                for form in [marker, marker.uppercased(), String(marker.prefix(9))] {
                    #expect(content.range(of: Data(form.utf8)) == nil, "\(form) in \(file)")
                    #expect(content.range(of: form.data(using: .utf16LittleEndian)!) == nil, "\(form) in \(file)")
                }
            }
            #expect(content.range(of: Data("CREATE TABLE".utf8)) == nil)
            #expect(content.range(of: Data(TestStore.passphrase.utf8)) == nil)
        }
    }

    @Test func nothingAPersonWroteIsInAnyFile() throws {
        let store = try TestStore()
        let vault = store.vault
        let words = Self.markers
        let document = try vault.documents.put(
            name: "/home/me/\(words[0]).txt", text: String(repeating: "\(words[1]) ", count: 3000))
        let run = try vault.runs.create(
            adapter: words[2], configuration: #"{"sample":"\#(words[3])"}"#, base: TestStore.base,
            data: TestStore.data, steps: 1, documents: [document.digest])
        try vault.runs.saveCheckpoint(BlobContent(Array("\(words[4])".utf8)), step: 1, of: run.id)
        try vault.versions.add(
            to: words[2], base: TestStore.base,
            NewVersion(
                manifest: #"{"note":"\#(words[4])"}"#,
                content: BlobContent(Array(String(repeating: words[4], count: 10_000).utf8)), run: run.id))
        try vault.versions.label(VersionReference(adapter: words[2]), as: words[5])
        try vault.adapters.rename(words[2], to: words[6])
        let chat = try vault.chats.create(title: words[0])
        for index in 0..<200 { try vault.chats.append(.user, "\(words[index % 7]) \(index)", to: chat.id) }
        try vault.settings.set(words[3], to: words[5])
        // A large sort and a rewrite would spill to plain files if anything did.
        _ = try vault.read {
            try String.fetchAll($0, sql: "SELECT hex(content) FROM messages ORDER BY content, created")
        }
        try vault.documents.erase(document.digest)
        try Self.search(store.path)
        try vault.compact()
        try Self.search(store.path)
        try vault.changePassphrase(to: TestStore.secret(words[1]), cost: TestStore.cost)
        try vault.close()
        try Self.search(store.path)
        let beside = try FileManager.default.contentsOfDirectory(atPath: store.directory.path)
        #expect(beside == ["store"])
    }

    @Test func namesOfFilesSayNothing() throws {
        let store = try TestStore()
        try store.vault.versions.add(to: Self.markers[0], base: TestStore.base, TestStore.version())
        for file in TestStore.files(store.path) { #expect(!file.contains(Self.markers[0])) }
    }

    @Test func theLockHoldsNoArguments() throws {
        let store = try TestStore()
        try store.vault.close()
        let vault = try Vault.open(
            at: store.path, passphrase: TestStore.secret(TestStore.passphrase), mode: .writing,
            command: "attune train")
        let text = try String(contentsOfFile: store.path + "/lock", encoding: .utf8)
        #expect(text == "\(ProcessInfo.processInfo.processIdentifier) attune train\n")
        try vault.close()
        #expect(try Data(contentsOf: URL(filePath: store.path + "/lock")).isEmpty)
    }

    @Test func chunkFilesTellNoMoreThanAPaddedLength() throws {
        let store = try TestStore()
        let lengths = [0, 10, 3968, 69_700, 70_000, 71_680, 1_000_000, 1_015_808, 2_500_000]
        for (index, count) in lengths.enumerated() {
            try store.vault.versions.add(
                to: "a\(index)", base: TestStore.base, TestStore.version(UInt8(index), count: count))
        }
        let sizes = try TestStore.chunkFiles(store.path).map {
            try #require(try FileManager.default.attributesOfItem(atPath: $0)[.size] as? Int)
        }
        #expect(
            sizes.sorted()
                == [4096, 4096, 4096, 73_728, 73_728, 73_728, 1_019_904, 1_019_904, 462_848, 1 << 20, 1 << 20].sorted())
    }
}
