// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// The options every command has.
struct GlobalOptions: ParsableArguments {
    @Option(help: "The store's folder (ATTUNE_STORE).")
    var store: String?

    @Option(help: "A file whose content is the passphrase (ATTUNE_KEY_FILE).")
    var keyFile: String?

    @Option(help: "An open descriptor to read the passphrase from.")
    var keyFd: Int32?

    @Option(help: "A command that prints the passphrase (ATTUNE_KEY_COMMAND).")
    var keyCommand: String?

    @Flag(help: "Print the result as one JSON object.")
    var json = false

    @Flag(name: [.short, .long], help: "Print errors only.")
    var quiet = false

    @Flag(name: [.short, .long], help: "Ask nothing; take what is proposed.")
    var yes = false

    @Flag(help: "Never prompt; fail where an answer is needed.")
    var noInput = false

    @Flag(help: "No colours (also NO_COLOR).")
    var noColor = false

    var paths: Paths { Paths(store: store) }

    /// Whether a person can be asked.
    var canAsk: Bool { !yes && !noInput && isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// Whether a passphrase can be typed; `--yes` does not forbid that.
    var canPrompt: Bool { !noInput && isatty(STDIN_FILENO) == 1 }

    /// Whether to go on with what is hard to take back: asks where a person can be asked.
    ///
    /// - Parameter act: what it is, such as "deleting".
    /// - Throws: `ValidationError` where nobody can be asked and nobody said yes.
    func agrees(_ question: String, to act: String) throws -> Bool {
        if canAsk { return try console.confirm(question, standard: false) }
        guard yes else { throw ValidationError("\(act) needs an answer: add --yes") }
        return true
    }

    /// Opens the store; it is closed with the end of the command.
    ///
    /// - Parameters:
    ///   - accepting: true if the database is taken as it is, also if it is older than the store's newest change.
    ///   - freeing: true for changes that let go of what is stored, which a full disk must not keep from happening.
    func open(_ mode: Workspace.Mode, accepting: Bool = false, freeing: Bool = false) throws -> Workspace {
        let key = keySource
        if let file = key.exposedFile {
            console.note("other users may read \(file): chmod 600 \(ShellWord.quoted(file))")
        }
        let workspace = try Workspace.open(paths, key: key, mode: mode, accepting: accepting, freeing: freeing)
        OpenStores.add(workspace)
        return workspace
    }

    /// Recovery words from a file, or as they are typed on the terminal.
    func recoveryWords(file: String?) -> SecretSource {
        SecretSource(
            file: file, canAsk: canPrompt, prompt: "Recovery words: ", what: "the recovery words",
            option: "--words-file")
    }

    /// Says what a command did; with `--json` as an object.
    func done(_ text: String) throws {
        let text = console.addressed(text)
        if json { try console.print(["done": text]) } else { console.say(text) }
    }

    var keySource: KeySource {
        KeySource(
            file: keyFile, descriptor: keyFd, command: keyCommand,
            canAsk: canPrompt, keys: paths.keys)
    }

    var console: Console { Console(json: json, quiet: quiet, colorAllowed: !noColor, store: store) }
}
