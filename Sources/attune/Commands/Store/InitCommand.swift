// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
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
        guard !global.paths.hasStore else { throw KitError.storeExists(store) }
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

        let words = NewWords()
        if let recoveryFile {
            try NewFile.write(Array((words.list.joined(separator: " ") + "\n").utf8), to: recoveryFile)
        }
        let (workspace, kept): (Workspace, String?)
        do {
            let hint =
                "The passphrase opens the store; attune init --yes makes random words and keeps them for you instead."
            (workspace, kept) = try Workspace.create(
                global.paths, words: words, key: global.keySource, asks: global.canAsk,
                beforeAsking: { console.note(hint) })
        } catch {
            // Words of a store that does not exist would only mislead.
            if let recoveryFile, !global.paths.hasStore { unlink(recoveryFile) }
            throw error
        }
        do {
            if let code {
                try joining.join(workspace, code: code, global: global)
            } else {
                try workspace.beginCircle(
                    named: joining.name ?? Workspace.machineName, words: words,
                    areSeen: recoveryFile != nil || global.canAsk)
            }
            try workspace.close()
        } catch {
            try? workspace.close()
            // A store that belongs to no circle is not what was asked for; the next code makes it again.
            try? FileManager.default.removeItem(atPath: store)
            for path in [recoveryFile, kept].compactMap({ $0 }) { unlink(path) }
            throw error
        }

        if let kept { console.note("Passphrase: random words, kept in \(kept)") }
        if let recoveryFile {
            console.note("Recovery words: in \(recoveryFile); move it to a safe place")
        } else if global.canAsk {
            try RecoveryDialogue(console: console, asks: true).show(words.list)
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

    private struct Made: Encodable {
        let schema = 1
        let store: String
        let base: String
        let baseId: String
        let keyFile: String?
    }
}
