// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneCrypto
import AttuneKit
import AttuneVault
import Foundation

/// `attune key`
struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "The passphrase and the recovery words of the store.",
        subcommands: [Show.self, PassphraseChange.self, Recover.self])

    struct Show: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show how the store can be opened; with --new-recovery make and show new recovery words.")
        @OptionGroup var global: GlobalOptions
        @Flag(help: "Make new recovery words; the earlier ones stop working.") var newRecovery = false

        func execute() throws {
            let console = global.console
            if newRecovery {
                if global.canAsk, !console.confirm("Replace the recovery words?", standard: false) { return }
                let words = RecoveryWords.random()
                let workspace = try global.open(.writing)
                try RecoveryDialogue(console: console, asks: global.canAsk).show(words)
                try workspace.vault.replaceRecoveryWords(words)
                return try global.done("new recovery words are set; the earlier ones no longer work")
            }
            let file = try Vault.keyFile(at: global.paths.store.path)
            let kinds = file.slots.map {
                $0.kind == .passphrase ? "passphrase" : $0.kind == .recovery ? "recovery words" : "system"
            }
            if global.json {
                return try console.print([
                    "vault": Hex.encode(file.vaultID), "opens_with": kinds.joined(separator: ", "),
                ])
            }
            console.print("vault       \(Hex.encode(file.vaultID))")
            for slot in file.slots where slot.cost != nil {
                console.print(
                    "passphrase  Argon2id, \(slot.cost?.opslimit ?? 0) passes over \(Format.bytes(slot.cost?.memlimit ?? 0))"
                )
            }
            console.print("opens with  \(kinds.joined(separator: ", "))")
        }
    }

    struct PassphraseChange: AttuneCommand {
        static let configuration = CommandConfiguration(
            commandName: "passphrase",
            abstract: "Change the passphrase; nothing is encrypted again.",
            discussion: """
                The store's key stays the same. Someone who already has that key, or an old copy of the store together \
                with the old passphrase, is not shut out.
                """)
        @OptionGroup var global: GlobalOptions
        @Option(help: "A file with the new passphrase.") var newKeyFile: String?

        func execute() throws {
            let vault = try global.open(.writing).vault
            let new = try KeyCommand.newPassphrase(file: newKeyFile, global: global)
            try vault.changePassphrase(to: new)
            try global.done("the passphrase is changed; the store's data was not touched")
        }
    }

    struct Recover: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Open the store with the 24 recovery words and set a new passphrase.")
        @OptionGroup var global: GlobalOptions
        @Option(help: "A file with the words; they are asked for when absent.") var wordsFile: String?
        @Option(help: "A file with the new passphrase.") var newKeyFile: String?

        func execute() throws {
            let secret: SecretBytes
            if let wordsFile {
                secret = try Passphrase.fromFile(wordsFile)
            } else {
                guard global.canPrompt else { throw ValidationError("give the words with --words-file FILE") }
                secret = try Passphrase.read(prompt: "Recovery words: ")
            }
            let text = secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
            let words = try RecoveryWords(words: text)
            let new = try KeyCommand.newPassphrase(file: newKeyFile, global: global)
            try Vault.recover(at: global.paths.store.path, words: words, newPassphrase: new).close()
            try global.done("the store opens with the new passphrase")
        }
    }

    private static func newPassphrase(file: String?, global: GlobalOptions) throws -> SecretBytes {
        if let file { return try Passphrase.fromFile(file) }
        guard global.canPrompt else { throw ValidationError("give the new passphrase with --new-key-file FILE") }
        return try Passphrase.read(prompt: "New passphrase: ", confirm: "Once more: ")
    }
}
