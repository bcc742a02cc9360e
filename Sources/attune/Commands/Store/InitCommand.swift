// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneCrypto
import AttuneKit
import AttuneVault
import Foundation

/// `attune init`
struct InitCommand: AttuneCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make an encrypted store and get a base model.",
        discussion: """
            Without a terminal, or with --yes, the passphrase comes from --key-file or ATTUNE_KEY_FILE (made with random \
            words if the file does not exist); without one, random words are kept in a key file of this user. With \
            --join the new store belongs to the circle of the device that shows the code, which is asked for here, and \
            has its adapters after attune sync now.
            """)

    @Option(help: "smollm2, the name of a base that is here, or a GGUF file.") var base: String = KnownBase.all[0].name
    @Option(help: "Write the recovery words to this new file.") var recoveryFile: String?
    @Flag(help: "Join the circle of a device that shows a code with attune devices add.") var join = false
    @OptionGroup var joining: JoinOptions
    @Argument(help: .hidden) var code: String?
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard code == nil || !join else { throw PairingCodeSource.inArguments("attune init --join") }
        if let code { throw ValidationError("\(code) is no option of attune init") }
        guard join == (joining.relay != nil || joining.direct != nil) else {
            throw ValidationError("--join goes with --relay URL or --direct HOST:PORT, as the other device shows them")
        }
    }

    func execute() throws {
        let console = global.console
        let store = global.paths.store.path
        guard !Vault.exists(at: store) else { throw KitError.storeExists(store) }
        let memory = MemoryLimits.current()
        let code = join ? try joining.code.read(global) : nil
        console.note("Nothing leaves this machine until another device has joined it.")
        console.note(
            "  CPU \(Processor.threads) cores, \(Processor.kernels)    RAM \(Quantity.text(bytes: memory.available)) free"
        )

        let library = BaseLibrary(folder: global.paths.bases)
        let record = try library.obtain(base, cache: global.paths.cache) { console.note($0) }
        try library.prefer(record)
        console.note("Base \(record.name): \(record.quantization), \(Quantity.text(bytes: record.bytes))")

        let words = RecoveryWords.random()
        if let recoveryFile {
            try NewFile.write(Array((words.words.joined(separator: " ") + "\n").utf8), to: recoveryFile)
        }
        let (kept, vault): (String?, Vault)
        do {
            (kept, vault) = try create(at: store, words: words)
        } catch {
            // Words of a store that does not exist would only mislead.
            if let recoveryFile, !Vault.exists(at: store) { unlink(recoveryFile) }
            throw error
        }
        do {
            try enterCircle(Workspace(paths: global.paths, vault: vault), words, code: code)
            try vault.close()
        } catch {
            try? vault.close()
            // A store that belongs to no circle is not what was asked for; the next code makes it again.
            try? FileManager.default.removeItem(atPath: store)
            for path in [recoveryFile, kept].compactMap({ $0 }) { unlink(path) }
            throw error
        }

        if let kept { console.note("Passphrase: random words, kept in \(kept)") }
        if let recoveryFile {
            console.note("Recovery words: in \(recoveryFile); move it to a safe place")
        } else if global.canAsk {
            try RecoveryDialogue(console: console, asks: true).show(words)
        } else {
            console.note("Recovery words: not shown here; make some with attune key show --new-recovery")
        }
        if global.json {
            return try console.print(
                Made(store: store, base: record.name, baseId: record.id.description, keyFile: kept))
        }
        console.print("Store ready: \(store)")
        if !join { console.print(console.addressed("Next:  attune train ./notes")) }
    }

    /// Joins the circle of another device, or begins one of this device and of recovery words that somebody has.
    private func enterCircle(
        _ workspace: Workspace, _ words: borrowing RecoveryWords, code: String?
    ) throws {
        if let code { return try joining.join(workspace, code: code, global: global) }
        // Words that nobody gets to see are no device: nobody could agree to their end.
        let areSeen = recoveryFile != nil || global.canAsk
        try workspace.beginCircle(
            named: joining.name ?? Workspace.machineName, paper: areSeen ? DeviceKeys(paper: words) : nil)
    }

    /// Makes the store; with the path of the key file where random words are its passphrase.
    private func create(at store: String, words: borrowing RecoveryWords) throws -> (kept: String?, vault: Vault) {
        let key = global.keySource
        let hint =
            "The passphrase opens the store; attune init --yes makes random words and keeps them for you instead."
        if let given = try key.newPassphrase(ask: global.canAsk, beforeAsking: { global.console.note(hint) }) {
            return (nil, try Vault.create(at: store, passphrase: given, recovery: words))
        }
        // The words are on the disk before there is anything that only they open.
        let made = KeySource.randomWords()
        let pending = try key.keepPending(made)
        do {
            let vault = try Vault.create(at: store, passphrase: made, recovery: words)
            return (try key.adopt(pending, vaultID: try Vault.keyFile(at: store).vaultID), vault)
        } catch {
            if !Vault.exists(at: store) { unlink(pending) }
            throw error
        }
    }

    private struct Made: Encodable {
        let schema = 1
        let store: String
        let base: String
        let baseId: String
        let keyFile: String?
    }
}
