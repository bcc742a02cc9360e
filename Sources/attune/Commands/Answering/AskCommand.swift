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
        discussion: "TEXT is read from standard input where it is absent or -.")

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
        let text = takesName ? words.dropFirst().first : words.first
        if let text, text != "-" { return (takesName ? words[0] : nil, text) }
        let limit = 4 << 20
        let input = FileHandle.standardInput.readData(ofLength: limit + 1)
        guard input.count <= limit else { throw ValidationError("standard input holds more than 4 MiB") }
        guard let read = String(data: input, encoding: .utf8) else {
            throw ValidationError("standard input is not UTF-8 text")
        }
        return (takesName ? words[0] : nil, read)
    }
}
