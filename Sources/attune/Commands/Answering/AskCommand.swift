// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit
import Foundation

/// `attune ask`
struct AskCommand: AttuneCommand {
    static let configuration = CommandConfiguration(
        commandName: "ask", abstract: "Ask one question.",
        usage: """
            attune ask NAME TEXT [options]
            attune ask --base TEXT [options]
            """,
        discussion: """
            TEXT is read from standard input if it is absent or -; what is piped beside a TEXT follows it: \
            attune ask notes "In two sentences:" <letter.txt
            """)

    @OptionGroup var sampling: SamplingFlags
    @Argument(help: "The adapter (notes, notes@3, notes:label) and the text.") var words: [String] = []
    @Flag(help: "Ask the base itself; no adapter.") var base = false
    @Option(help: "Which base, with --base.") var baseName: String?
    @Option(help: "Strength of the adapter; 1 is as trained, 0 is off.") var scale: Float = 1
    @Option(help: "System message.") var system: String?
    @Flag(help: "Continue TEXT itself, without a chat template.") var raw = false
    @Option(help: "With --json: the largest logits after the prompt.") var topLogits: Int = 0
    @OptionGroup var global: GlobalOptions

    func execute() throws {
        let (name, text) = try split()
        let source = try source(name)
        let console = global.console
        let seed = sampling.chosenSeed
        let question = Question(text: text, system: system, raw: raw, settings: sampling.settings, seed: seed)
        let interrupt = Interruption()
        let answer = try question.ask(source, isCancelled: { interrupt.requested }) {
            if !global.json { console.print($0, terminator: "") }
        }
        if global.json {
            let top = topLogits > 0 ? try question.topLogits(topLogits, of: source) : []
            try console.print(
                AnswerReport(
                    source: source, answer: answer, seed: seed,
                    prompt: question.tokens(for: source), topLogits: top))
        } else {
            console.print("")
        }
        if interrupt.requested { throw ExitCode(interrupt.exitCode) }
    }

    /// Who answers; the store is not touched for the base alone.
    private func source(_ name: String?) throws -> AnswerSource {
        guard let name else { return try AnswerSource(base: baseName, of: BaseLibrary(folder: global.paths.bases)) }
        return try AnswerSource(adapter: name, scale: scale, base: baseName, in: global.open(.reading))
    }

    /// The adapter's name (nil for the base) and the text.
    private func split() throws -> (name: String?, text: String) {
        let takesName = !base
        guard words.count <= (takesName ? 2 : 1) else {
            throw ValidationError("too many words; put the text in quotes")
        }
        if takesName && words.isEmpty {
            throw ValidationError("which adapter? attune ask NAME TEXT, or attune ask --base TEXT")
        }
        let name = takesName ? words[0] : nil
        let typed = (takesName ? words.dropFirst().first : words.first).flatMap { $0 == "-" ? nil : $0 }
        let text: String
        if let typed {
            // What is piped belongs to what is typed: attune ask notes "Shorter, please:" <letter.txt
            let piped = try Self.isPiped ? Self.standardInput(global.console) : ""
            text = piped.isEmpty ? typed : typed + "\n\n" + piped
        } else {
            text = try Self.standardInput(global.console)
        }
        guard text.contains(where: { !$0.isWhitespace }) else { throw ValidationError("the question is empty") }
        return (name, text)
    }

    /// Whether standard input is a file or the end of a pipe; not a terminal, and not /dev/null.
    private static var isPiped: Bool {
        var status = stat()
        guard fstat(STDIN_FILENO, &status) == 0 else { return false }
        return [S_IFREG, S_IFIFO].contains(status.st_mode & S_IFMT)
    }

    /// All of standard input; after two seconds without any it says that it waits.
    private static func standardInput(_ console: Console) throws -> String {
        var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        if poll(&input, 1, 2000) == 0 { console.note("waiting for standard input to end…") }
        let limit = 4 << 20
        let bytes = FileHandle.standardInput.readData(ofLength: limit + 1)
        guard bytes.count <= limit else { throw ValidationError("standard input holds more than 4 MiB") }
        guard let text = String(data: bytes, encoding: .utf8) else {
            throw ValidationError("standard input is not UTF-8 text")
        }
        return text
    }
}
