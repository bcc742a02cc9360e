// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// The line mode of `attune chat`: reads a line, answers it, obeys what begins with a slash.
final class ChatSession {
    private let chat: Chat
    private let sampling: SamplingFlags
    private let console: Console
    private var compares = false

    init(_ chat: Chat, sampling: SamplingFlags, console: Console) {
        self.chat = chat
        self.sampling = sampling
        self.console = console
    }

    func run() throws {
        console.note("\(title), base \(chat.base.name). /help for what can be typed, Ctrl-D to leave.")
        if chat.questions > 0 { console.note("Going on after \(chat.questions) questions.") }
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
        try chat.end()
    }

    private var title: String {
        chat.adapter.map { "\($0.label) ×\(String(format: "%g", chat.scale))" } ?? "base alone"
    }

    private func answer(_ text: String) throws {
        let seed = sampling.chosenSeed
        // Ctrl-C ends the answer, not the conversation.
        let interruption = Interruption()
        let answer: Answer
        do {
            answer = try chat.say(text, seed: seed, isCancelled: { interruption.requested }) {
                console.print($0, terminator: "")
            }
        } catch let error as any AttuneError {
            return console.report(error)
        }
        console.print("")
        console.note(
            console.dim(
                String(
                    format: "%d tokens, %.1f/s, %d of %d prompt tokens reused", answer.tokens.count,
                    Double(answer.tokens.count) / max(answer.decodeSeconds, 1e-9), answer.reusedTokens,
                    answer.promptTokens)))
        if chat.forgotten > 0 { console.note("the \(chat.forgotten) oldest messages no longer fit") }
        if let hindrance = try chat.keep() {
            console.report(hindrance)
            console.note("not kept yet; the next answer tries again")
        }
        if compares, !interruption.requested {
            console.print(console.bold("base: "), terminator: "")
            try chat.sayWithBase(seed: seed, isCancelled: { interruption.requested }) {
                console.print($0, terminator: "")
            }
            console.print("")
        }
        // All but Ctrl-C is meant for the process, not for the answer.
        guard [0, ExitStatus.interrupted.rawValue].contains(interruption.exitCode) else {
            try chat.end()
            throw ExitCode(interruption.exitCode)
        }
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
            if let value { try chat.use(value == "off" ? nil : value) }
            console.note(title)
        case "/scale":
            guard let value, let number = Float(value), number.isFinite else {
                console.note("/scale takes a number")
                return true
            }
            chat.setScale(number)
            console.note(title)
        case "/compare":
            compares.toggle()
            console.note("compare is \(compares ? "on" : "off")")
        case "/undo":
            console.note(try chat.undo() ? "took the last question and answer back" : "there is nothing to take back")
        case "/quit", "/exit": return false
        default: console.note("\(words[0]) is not known; /help lists what is")
        }
        return true
    }
}
