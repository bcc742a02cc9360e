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
        @Flag(help: "Make new recovery words; the earlier ones stop working.") var newRecovery = false
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let console = global.console
            if newRecovery {
                if global.canAsk, !console.confirm("Replace the recovery words?", standard: false) { return }
                let words = RecoveryWords.random()
                let workspace = try global.open(.writing)
                workspace.vault.yieldLock()  // a person may take long to write them down
                try RecoveryDialogue(console: console, asks: global.canAsk).show(words)
                try workspace.vault.replaceRecoveryWords(words)
                let paper = try DeviceKeys(paper: words)
                let isDevice = try Waiting.run { try await workspace.adoptRecoveryWords(paper) }
                if !isDevice {
                    console.note(
                        "the circle's devices are still recovered with the words that it began with: keep those too")
                }
                return try global.done("new recovery words are set; the earlier ones no longer open the store")
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
        @Option(help: "A file with the new passphrase.") var newKeyFile: String?
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let vault = try global.open(.writing).vault
            vault.yieldLock()  // a person may take long to type
            let new = try KeyCommand.newPassphrase(file: newKeyFile, global: global)
            try vault.changePassphrase(to: new)
            try KeyCommand.retireKeyFile(after: new, global: global)
            try global.done("the passphrase is changed; the store's data was not touched")
        }
    }

    struct Recover: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Open the store with the 24 recovery words and set a new passphrase.")
        @Option(help: "A file with the words; they are asked for when absent.") var wordsFile: String?
        @Option(help: "A file with the new passphrase.") var newKeyFile: String?
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let words = try RecoveryDialogue.readWords(file: wordsFile, global: global)
            let new = try KeyCommand.newPassphrase(file: newKeyFile, global: global)
            try Vault.recover(at: global.paths.store.path, words: words, newPassphrase: new).close()
            try KeyCommand.retireKeyFile(after: new, global: global)
            try global.done("the store opens with the new passphrase")
        }
    }

    /// Puts the key file that `init` made for the store aside where its words are no longer the passphrase.
    private static func retireKeyFile(after new: borrowing SecretBytes, global: GlobalOptions) throws {
        let vaultID = try Vault.keyFile(at: global.paths.store.path).vaultID
        if let path = try global.keySource.retireMade(vaultID: vaultID, unless: new) {
            global.console.note("the key file made for this store held the old passphrase and is now \(path)")
        }
    }

    private static func newPassphrase(file: String?, global: GlobalOptions) throws -> SecretBytes {
        if let file { return try Passphrase.fromFile(file) }
        guard global.canPrompt else {
            throw KitError.passphraseRequired("the new passphrase", option: "--new-key-file")
        }
        return try Passphrase.read(prompt: "New passphrase: ", confirm: "Once more: ")
    }
}
