// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// `attune key`
struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "The passphrase and the recovery words of the store.",
        subcommands: [Show.self, PassphraseChange.self, Recover.self])

    struct Show: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show how the store can be opened; with --new-recovery make and show new recovery words.",
            discussion: """
                Recovery words open this store, and where the circle began with them they are a device of it, which \
                reads what its devices read. New ones then take their place in both: it takes the earlier words at \
                hand, or a second device that agrees. Whoever has the earlier words keeps what they could read so far, \
                and a copy of this store's vault.key from before still opens with them. A backup does until the next \
                attune backup into its folder.
                """)
        @Flag(help: "Make new recovery words; the earlier ones open nothing that is made later.")
        var newRecovery = false
        @Option(help: "A file with the earlier words; they are asked for when absent.") var wordsFile: String?
        @Option(
            help: """
                A file in which another device agrees, where the earlier words are lost: there, attune devices revoke \
                "recovery words" --write-confirmation FILE.
                """)
        var confirmation: String?
        @Flag(help: "Make the new words those of the circle too, where this store's are others.") var circle = false
        @Flag(
            help: """
                Leave the circle for a new one of this device alone, where the earlier words are lost and no other \
                device can agree.
                """)
        var newCircle = false
        @OptionGroup var global: GlobalOptions

        func validate() throws {
            let given = [wordsFile != nil, confirmation != nil, newCircle].count { $0 }
            guard newRecovery || given == 0 && !circle else {
                throw ValidationError("these options go with --new-recovery")
            }
            guard given <= 1 else { throw ValidationError("give one of --words-file, --confirmation and --new-circle") }
        }

        func execute() throws {
            let console = global.console
            if newRecovery { return try NewRecovery(show: self).run() }
            let keys = try StoreKeys(of: global.paths)
            let kinds = keys.kinds.joined(separator: ", ")
            if keys.hasEarlierWords {
                console.note(
                    "new recovery words were not finished, and the earlier ones still hold: attune key show --new-recovery"
                )
            }
            if global.json { return try console.print(["vault": keys.vault, "opens_with": kinds]) }
            console.print("vault       \(keys.vault)")
            for cost in keys.costs {
                console.print(
                    "passphrase  Argon2id, \(cost.passes) passes over \(Quantity.text(bytes: cost.bytes))")
            }
            console.print("opens with  \(kinds)")
        }
    }

    struct PassphraseChange: AttuneCommand {
        static let configuration = CommandConfiguration(
            commandName: "passphrase",
            abstract: "Change the passphrase; nothing is encrypted again.",
            discussion: """
                The store's key stays the same. Someone who already has that key, or an old copy of the store together \
                with the old passphrase, is not shut out. A backup opens with the earlier passphrase until the next \
                attune backup into its folder.
                """)
        @Option(help: "A file with the new passphrase.") var newKeyFile: String?
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let workspace = try global.open(.writing)
            workspace.yieldStore()  // a person may take long to type
            let new = try KeyCommand.newPassphrase(file: newKeyFile, global: global).passphrase()
            let retired = try workspace.changePassphrase(to: new, key: global.keySource)
            KeyCommand.note(retired, on: global.console)
            KeyCommand.noteBackups("passphrase", on: global.console)
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
            // Says that there is no store before anybody types 24 words.
            _ = try StoreKeys(of: global.paths)
            let words = try global.recoveryWords(file: wordsFile).recoveryWords()
            let new = try KeyCommand.newPassphrase(file: newKeyFile, global: global).passphrase()
            let retired = try Workspace.recover(
                global.paths, words: words, newPassphrase: new, key: global.keySource)
            KeyCommand.note(retired, on: global.console)
            KeyCommand.noteBackups("passphrase", on: global.console)
            try global.done("the store opens with the new passphrase")
        }
    }

    /// Says where the key file is now that `init` made for the store, if it was put aside.
    private static func note(_ retired: String?, on console: Console) {
        guard let retired else { return }
        console.note("the key file made for this store held the old passphrase and is now \(retired)")
    }

    /// Says that what was replaced still opens the backups.
    static func noteBackups(_ what: String, on console: Console) {
        console.note("backups open with the earlier \(what) until the next: attune backup PATH")
    }

    private static func newPassphrase(file: String?, global: GlobalOptions) -> SecretSource {
        SecretSource(
            file: file, canAsk: global.canPrompt, prompt: "New passphrase: ", confirm: "Once more: ",
            what: "the new passphrase", option: "--new-key-file")
    }
}
