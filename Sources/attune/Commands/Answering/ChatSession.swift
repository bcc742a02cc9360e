// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import AttuneModel
import AttuneTokenizer
import AttuneVault
import Foundation

/// The line mode of `attune chat`: reads a line, answers it, obeys what begins with a slash.
final class ChatSession {
    private let workspace: Workspace
    private let model: BaseModel
    private let base: BaseRecord
    private let conversation: Conversation
    private let log: ChatLog?
    private let sampling: SamplingFlags
    private let precision: DecodingPrecision
    private let console: Console
    private var loaded: LoadedAdapter?
    private var scale: Float
    private var compares = false

    init(
        workspace: Workspace, model: BaseModel, loaded: LoadedAdapter, scale: Float, history: [ChatMessage],
        log: ChatLog?, sampling: SamplingFlags, console: Console, base: BaseRecord,
        contextLength: Int, precision: DecodingPrecision
    ) {
        self.workspace = workspace
        self.model = model
        self.base = base
        self.loaded = loaded
        self.scale = scale
        self.log = log
        self.sampling = sampling
        self.precision = precision
        self.console = console
        conversation = Conversation(
            model: model, adapters: [AppliedAdapter(loaded.adapter, scale: scale)], messages: history,
            contextLength: contextLength, cacheType: sampling.kvCache, precision: precision)
    }

    func run() throws {
        console.note("\(title), base \(base.name). /help for what can be typed, Ctrl-D to leave.")
        let turns = conversation.messages.count { $0.role == .user }
        if turns > 0 { console.note("Going on after \(turns) questions.") }
        while true {
            console.note("> ", terminator: "")
            guard let line = readLine() else { break }
            let text = line.trimmingCharacters(in: .whitespaces)
            if text.isEmpty { continue }
            if text.hasPrefix("/") {
                do { if try !obey(text) { break } } catch { console.note("\(error)") }
                continue
            }
            try answer(text)
        }
        console.note("")
        try log?.flush()
    }

    private var title: String {
        loaded.map { "\($0.label) ×\(String(format: "%g", scale))" } ?? "base alone"
    }

    private var adapters: [AppliedAdapter] { loaded.map { [AppliedAdapter($0.adapter, scale: scale)] } ?? [] }

    private func answer(_ text: String) throws {
        let seed = sampling.chosenSeed
        // Ctrl-C ends the answer, not the conversation.
        let interruption = Interruption()
        let before = conversation.messages
        let answer: Generation
        do {
            answer = try conversation.say(
                text, sampling: sampling.options, seed: seed, maxTokens: sampling.maxTokens, stops: sampling.stop,
                isCancelled: { interruption.requested }
            ) { console.print($0, terminator: "") }
        } catch let error as ModelError {
            return console.report(error)
        }
        console.print("")
        console.note(
            console.dim(
                String(
                    format: "%d tokens, %.1f/s, %d of %d prompt tokens reused", answer.tokens.count,
                    Double(answer.tokens.count) / max(answer.decodeSeconds, 1e-9), answer.reusedTokens,
                    answer.promptTokens)))
        if conversation.forgotten > 0 { console.note("the \(conversation.forgotten) oldest messages no longer fit") }
        try keep(conversation.messages.suffix(2))
        if compares, !interruption.requested {
            var question = before
            question.append(ChatMessage(role: .user, content: text))
            try showBase(question, seed: seed) { interruption.requested }
        }
        // SIGTERM is meant for the process, not for the answer.
        if interruption.exitCode == ExitStatus.terminated.rawValue { throw ExitCode(interruption.exitCode) }
    }

    /// Keeps messages in the store; where another process is changing it, the conversation goes on and they wait.
    private func keep(_ messages: some Sequence<ChatMessage>) throws {
        do {
            try log?.append(messages.map { ($0, $0.role == .assistant ? loaded?.record.id : nil) })
        } catch let error as VaultError where error.kind == .locked {
            console.report(error)
            console.note("not kept yet; the next answer tries again")
        }
    }

    /// The same question to the base alone, with the same seed.
    private func showBase(_ messages: [ChatMessage], seed: UInt64, isCancelled: () -> Bool) throws {
        guard let last = messages.last else { return }
        let base = Conversation(
            model: model, adapters: [], messages: messages.dropLast(), cacheType: sampling.kvCache,
            precision: precision)
        console.print(console.bold("base: "), terminator: "")
        _ = try base.say(
            last.content, sampling: sampling.options, seed: seed, maxTokens: sampling.maxTokens, stops: sampling.stop,
            isCancelled: isCancelled
        ) { console.print($0, terminator: "") }
        console.print("")
    }

    /// Obeys a command; false to leave.
    private func obey(_ line: String) throws -> Bool {
        let words = line.split(separator: " ", maxSplits: 1).map(String.init)
        let value = words.count > 1 ? words[1] : nil
        switch words[0] {
        case "/help":
            console.print(
                """
                /adapter NAME   answer with another adapter of this base; /adapter off for the base alone
                /scale X        strength of the adapter; 1 is as trained, 0 is off
                /compare        show the base's answer below each answer, on or off
                /undo           take the last question and answer back
                /quit           leave; Ctrl-D too
                """)
        case "/adapter":
            if value == "off" {
                loaded = nil
            } else if let value {
                let next = try workspace.load(value)
                try next.check(against: base)
                loaded = next
            }
            conversation.use(adapters)
            console.note(title)
        case "/scale":
            guard let value, let number = Float(value), number.isFinite else {
                console.note("/scale takes a number")
                return true
            }
            scale = number
            conversation.use(adapters)
            console.note(title)
        case "/compare":
            compares.toggle()
            console.note("compare is \(compares ? "on" : "off")")
        case "/undo":
            if conversation.messages.contains(where: { $0.role == .user }) {
                try log?.undo()
                _ = conversation.undo()
                console.note("took the last question and answer back")
            } else {
                console.note("there is nothing to take back")
            }
        case "/quit", "/exit": return false
        default: console.note("\(words[0]) is not known; /help lists what is")
        }
        return true
    }
}
