// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// Ways to give the passphrase, to change it, and to get in without it.
@Suite struct KeyTests {
    private static func secretFile(_ store: TinyStore, _ text: String, _ name: String) throws -> String {
        let path = try store.outside.write(text + "\n", to: name)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        return path
    }

    @Test func thePassphraseComesFromAFileADescriptorOrACommand() throws {
        let store = try TinyStore()
        let open = TinyStore(store, without: "ATTUNE_KEY_FILE")
        let key = store.attune.home.path + "/key"
        try open.expect("status", exits: 4)
        try open.expect("status", "--key-file", key, exits: 0)
        try open.expect("status", "--key-command", "cat '\(key)'", exits: 0)
        try open.expect("status", "--key-command", "false", exits: 4)
        #expect(try open.attune.shell("exec 7<'\(key)'; exec \"$ATTUNE\" status --key-fd 7").status == 0)
        #expect(try open.attune.shell("ATTUNE_KEY_COMMAND=\"cat '\(key)'\" exec \"$ATTUNE\" status").status == 0)
        #expect(
            try open.attune.shell(
                "mkdir -p \"$HOME/c\"; cp '\(key)' \"$HOME/c/attune-key\"; "
                    + "CREDENTIALS_DIRECTORY=$HOME/c exec \"$ATTUNE\" status"
            ).status == 0)
    }

    @Test func aWrongPassphraseIsSaidWithWhereItCameFrom() throws {
        let store = try TinyStore()
        let backup = store.outside.path + "/backup"
        try store.expect("backup", backup, exits: 0)
        let wrong = try Self.secretFile(store, "the words of another store", "other key")
        let right = store.attune.home.path + "/key"
        let named = TinyStore(store, with: "ATTUNE_KEY_FILE", wrong)
        for command in [
            ["status"], ["doctor"], ["backup", "--verify", backup], ["restore", backup, "--store", backup + "-new"],
            ["doctor", "--repair", backup + "-repaired"],
        ] {
            let option = try store.attune.run(command + ["--key-file", wrong])
            let variable = try named.attune.run(command)
            for (result, source) in [
                (option, "in \(wrong) does not"), (variable, "in \(wrong) (ATTUNE_KEY_FILE) does"),
            ] {
                #expect(result.status == 12, "\(command)")
                let said = result.output + result.errors
                #expect(said.contains("E-KEY-001 the passphrase \(source)"), "\(command): \(said)")
            }
        }
        let printed = try store.expect("status", "--key-command", "echo secretly", exits: 12)
        #expect(printed.errors.contains("the passphrase of --key-command does not"), "\(printed.errors)")
        #expect(!printed.errors.contains("secretly"))
        let read = try store.attune.shell("exec 7<'\(wrong)'; exec \"$ATTUNE\" status --key-fd 7")
        #expect(read.status == 12)
        #expect(read.errors.contains("from descriptor 7"), "\(read.errors)")
        // What is given with the command goes before what stands in a variable.
        try named.expect("status", "--key-command", "cat '\(right)'", exits: 0)
        try store.expect("status", "--key-command", "false", exits: 4)
    }

    @Test func changingThePassphraseTouchesNoDataAndShutsTheOldOneOut() throws {
        let store = try TinyStore()
        try store.train(try store.writeRows(12), name: "notes")
        let (versions, chunks) = (try store.versions(), PlaintextSearch.files(store.attune.store + "/chunks").sorted())
        let new = try Self.secretFile(store, "quite another phrase of words", "new")
        try store.expect("key", "passphrase", "--new-key-file", new, exits: 0)
        #expect(PlaintextSearch.files(store.attune.store + "/chunks").sorted() == chunks)
        try store.expect("status", exits: 12)
        let verified = try store.expect("adapters", "list", "--json", "--key-file", new, exits: 0)
        #expect(verified.output.contains("notes"))
        #expect(versions.count == 1)
        try store.expect("adapters", "verify", "--key-file", new, exits: 0)
    }

    @Test func recoveryWordsOpenAStoreWhosePassphraseIsLost() throws {
        let attune = try AttuneProcess()
        let outside = try TemporaryDirectory()
        let base = try TinyStore.base.write(to: outside)
        let words = outside.path + "/words"
        #expect(try attune.run("init", "--base", base, "--recovery-file", words, "--yes").status == 0)
        let text = try String(contentsOfFile: words, encoding: .utf8)
        #expect(text.split(whereSeparator: \.isWhitespace).count == 24)
        let mode = try FileManager.default.attributesOfItem(atPath: words)[.posixPermissions] as? Int
        #expect(mode == 0o600)

        func secret(_ text: String, _ name: String) throws -> String {
            let path = try outside.write(text, to: name)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            return path
        }
        let new = try secret("a phrase that is new\n", "new")
        let other = try secret(String(repeating: "abandon ", count: 23) + "art\n", "other")
        let short = try secret("abandon abandon\n", "short")
        let refused = try attune.run("key", "recover", "--words-file", other, "--new-key-file", new)
        #expect(refused.status == 12, "\(refused.errors)")
        #expect(refused.isOrderly, "\(refused.errors)")
        let misread = try attune.run("key", "recover", "--words-file", short, "--new-key-file", new)
        #expect(misread.status != 0)
        #expect(misread.isOrderly)
        #expect(misread.errors.contains(/E-[A-Z]+-\d{3}/))
        let result = try attune.run("key", "recover", "--words-file", words, "--new-key-file", new)
        #expect(result.status == 0, "\(result.errors)")
        #expect(try attune.run("status").status == 12)
        #expect(try attune.run("status", "--key-file", new).status == 0)
    }

    @Test func initKeepsRandomWordsWhereNobodyIsAsked() throws {
        var attune = try AttuneProcess()
        attune.environment["ATTUNE_KEY_FILE"] = nil
        let base = try TinyStore.base.write(to: attune.home)
        let made = try attune.run("init", "--base", base, "--yes", "--json")
        #expect(made.status == 0, "\(made.errors)")
        let file = try #require(try made.json()["key_file"] as? String)
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
        #expect(try attune.run("status").status == 0)
        try FileManager.default.removeItem(atPath: file)
        #expect(try attune.run("status").status == 4)
    }
}
