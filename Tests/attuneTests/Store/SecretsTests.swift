// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneKit
import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// Passphrases and recovery words through the real commands: none is lost half-way, none is shown to nobody.
@Suite struct SecretsTests {
    @Test func aStoreIsMadeOnlyOnceItsRandomWordsAreKept() throws {
        let store = TinyStore(try TinyStore(), without: "ATTUNE_KEY_FILE")
        var attune = store.attune
        attune.environment["ATTUNE_STORE"] = store.attune.home.path + "/second"
        attune.environment["XDG_CONFIG_HOME"] = try store.outside.write("a file, not a folder", to: "config")
        let refused = try attune.run("init", "--base", "tiny", "--yes")
        #expect(refused.status == 1)
        #expect(refused.errors.contains("E-KEY-031"), "\(refused.errors)")
        #expect(!Vault.exists(at: attune.store))
        attune.environment["XDG_CONFIG_HOME"] = nil
        #expect(try attune.run("init", "--base", "tiny", "--yes").status == 0)
        #expect(try attune.run("status").status == 0)
    }

    @Test func aRecoveryFileThatIsTakenStopsInitBeforeThereIsAStore() throws {
        let store = try TinyStore()
        var attune = store.attune
        attune.environment["ATTUNE_STORE"] = store.attune.home.path + "/second"
        let taken = try store.outside.write("mine", to: "words")
        #expect(try attune.run("init", "--base", "tiny", "--yes", "--recovery-file", taken).status == 6)
        #expect(!Vault.exists(at: attune.store))
        #expect(try String(contentsOfFile: taken, encoding: .utf8) == "mine")
    }

    @Test func aNewPassphraseRetiresTheKeyFileThatInitMade() throws {
        let store = TinyStore(try TinyStore(), without: "ATTUNE_KEY_FILE")
        var attune = store.attune
        attune.environment["ATTUNE_STORE"] = store.attune.home.path + "/second"
        #expect(try attune.run("init", "--base", "tiny", "--yes").status == 0)
        let new = try store.outside.write("another passphrase\n", to: "new")
        #expect(try attune.run("key", "passphrase", "--new-key-file", new).status == 0)
        // Not 12: the old words are no longer taken for the passphrase.
        #expect(try attune.run("status").status == 4)
        #expect(try attune.run("status", "--key-file", new).status == 0)
    }

    @Test func newRecoveryWordsAreShownAlsoWhenQuiet() throws {
        let store = try TinyStore()
        let made = try store.expect("key", "show", "--new-recovery", "--quiet", exits: 0)
        let words = made.errors.split(whereSeparator: { !$0.isLetter }).suffix(24).joined(separator: " ")
        let file = try store.outside.write(words, to: "words")
        let new = try store.outside.write("another passphrase\n", to: "new")
        try store.expect("key", "recover", "--words-file", file, "--new-key-file", new, exits: 0)
    }

    @Test func aPassphraseThatNobodyGivesIs4() throws {
        let store = try TinyStore()
        try store.expect("key", "passphrase", exits: 4)
        try store.expect("key", "recover", exits: 4)
    }

    @Test func aKeyFileThatOthersMayReadIsMentioned() throws {
        let store = try TinyStore()
        let key = try #require(store.attune.environment["ATTUNE_KEY_FILE"])
        #expect(!(try store.expect("status", exits: 0).errors.contains("chmod 600")))
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: key)
        #expect(try store.expect("status", exits: 0).errors.contains("chmod 600"))
    }

    @Test func fetchingABaseRunsNothingFromThePersonsFolder() throws {
        var attune = try AttuneProcess()
        let tools = attune.home.path + "/tools"
        try attune.home.write("#!/bin/sh\npwd >&2\nexit 1\n", to: "tools/python3")
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: tools + "/python3")
        attune.environment["PATH"] = tools + ":/usr/bin:/bin"
        let result = try attune.run("base", "pull", "smollm2")
        #expect(result.status == 75)
        #expect(result.errors.contains("/bases/.pulling-"), "\(result.errors)")
    }

    @Test func aTerminalIsNotDrivenByWhatIsPrinted() throws {
        let attune = try AttuneProcess()
        let path = "/x\u{1B}]0;title\u{7}\u{9B}2J\u{202E}y"
        let piped = try attune.run("paths", "--store", path)
        #expect(piped.output.contains(path))
        var shown = attune
        shown.environment["EVIL"] = path
        let result = try shown.shell(#"script -qec '"$ATTUNE" paths --store "$EVIL"' /dev/null"#)
        #expect(result.output.contains(#"/x\u{1b}]0;title\u{7}\u{9b}2J\u{202e}y"#), "\(result.output.debugDescription)")
        let json = try shown.shell(#"script -qec '"$ATTUNE" paths --json --store "$EVIL"' /dev/null"#)
        #expect(!json.output.unicodeScalars.contains { [0x1B, 0x07, 0x9B, 0x202E].contains($0.value) })
        #expect(try json.json()["store"] as? String == path)
    }
}
