// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneKit
import Foundation
import Synchronization

/// Results to stdout, everything else to stderr.
///
/// What goes to a terminal is made harmless first; a file or a pipe gets every byte.
struct Console {
    let json: Bool
    let quiet: Bool
    private let color: Bool
    /// The store that was named in the arguments.
    private let store: String?
    /// Whether a line stands on the terminal that whatever comes next takes away.
    private static let showsProgress = Atomic<Bool>(false)

    init(json: Bool, quiet: Bool, colorAllowed: Bool, store: String? = nil) {
        self.json = json
        self.quiet = quiet
        self.store = store
        let environment = ProcessInfo.processInfo.environment
        let forced = environment["CLICOLOR_FORCE"].map { $0 != "0" && !$0.isEmpty } ?? false
        let refused = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
        color = colorAllowed && (forced || (!refused && isatty(STDOUT_FILENO) == 1))
    }

    /// A line of the result.
    func print(_ text: String, terminator: String = "\n") { Self.show(text + terminator, on: STDOUT_FILENO) }

    /// A sentence of the result, in lines that a terminal does not break within words.
    func say(_ text: String) { Self.show(wrapped(text, on: STDOUT_FILENO) + "\n", on: STDOUT_FILENO) }

    /// A table of the result, with a paragraph for each row where a terminal is narrower than a row.
    func print(_ table: Table) { print(table.render(columns: Self.columns(of: STDOUT_FILENO))) }

    /// The result as one line of JSON.
    func print(_ value: some Encodable) throws {
        let line = String(decoding: try JSON.encoder.encode(value), as: UTF8.self)
        Self.show(line + "\n", on: STDOUT_FILENO, json: true)
    }

    /// A remark beside the result; silent with `--quiet`.
    func note(_ text: String, terminator: String = "\n") {
        if !quiet { Self.show(wrapped(addressed(text), on: STDERR_FILENO) + terminator, on: STDERR_FILENO) }
    }

    /// What a person has to see, also with `--quiet`: a question, or words that are shown only once.
    func ask(_ text: String, terminator: String = "\n") {
        Self.show(wrapped(text, on: STDERR_FILENO) + terminator, on: STDERR_FILENO)
    }

    /// A text whose commands name the store that this one was given, so that they work as they stand there.
    func addressed(_ text: String) -> String {
        store.map { CommandNames.addressed(text, store: $0) } ?? text
    }

    /// Takes the last two lines of progress away.
    func clearProgress() {
        if !quiet { Self.write("\r\u{1B}[2K\u{1B}[1A\r\u{1B}[2K", to: STDERR_FILENO) }
    }

    /// One line that the next one writes over; only where a person watches.
    func progress(_ text: String) {
        guard !quiet, isatty(STDERR_FILENO) == 1 else { return }
        Self.showsProgress.store(!text.isEmpty, ordering: .relaxed)
        Self.write("\r\u{1B}[2K" + Self.fitted(TerminalText.harmless(text)), to: STDERR_FILENO)
    }

    /// The start of a line, as much as the terminal shows without breaking it; what is broken cannot be taken away.
    static func fitted(_ line: String) -> String {
        columns(of: STDERR_FILENO).map { String(line.prefix($0 - 1)) } ?? line
    }

    /// A remark that goes on below itself where the terminal is narrow, set in by as much as its label is wide.
    func note(_ label: String, _ text: String) {
        let columns = Self.columns(of: STDERR_FILENO) ?? .max
        note(TerminalText.wrapped(text, label: label, columns: columns))
    }

    private func wrapped(_ text: String, on descriptor: Int32) -> String {
        Self.columns(of: descriptor).map { TerminalText.wrapped(text, columns: $0) } ?? text
    }

    static func columns(of descriptor: Int32) -> Int? {
        var size = winsize()
        guard isatty(descriptor) == 1, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else {
            return nil
        }
        return Int(size.ws_col)
    }

    /// An error; with `--json` as one line of JSON.
    func report(_ error: any AttuneError) {
        if json {
            let line = ErrorLine(
                error: error.code, message: error.message, remedy: error.remedy.map(addressed),
                exitCode: error.exitStatus.rawValue)
            if let data = try? JSON.encoder.encode(line) {
                return Self.show(String(decoding: data, as: UTF8.self) + "\n", on: STDERR_FILENO, json: true)
            }
        }
        // Ctrl-C leaves its own mark on the line.
        let isOwnLine = (error as? GeneralError)?.kind != .interrupted || Self.showsProgress.load(ordering: .relaxed)
        let text = wrapped(addressed("\(error)"), on: STDERR_FILENO)
        Self.show("\(isOwnLine || isatty(STDERR_FILENO) == 0 ? "" : "\n")\(text)\n", on: STDERR_FILENO)
    }

    func bold(_ text: String) -> String { color ? "\u{1B}[1m\(text)\u{1B}[0m" : text }
    func dim(_ text: String) -> String { color ? "\u{1B}[2m\(text)\u{1B}[0m" : text }
    func green(_ text: String) -> String { color ? "\u{1B}[32m\(text)\u{1B}[0m" : text }

    /// Asks for a line on the terminal; what was typed before the question was there is no answer to it.
    ///
    /// - Returns: nil at the end of the input.
    /// - Throws: E-GENERAL-002 if the answer is Ctrl-C.
    func answer(to question: String) throws -> String? {
        if isatty(STDIN_FILENO) == 1 { tcflush(STDIN_FILENO, TCIFLUSH) }
        ask(question, terminator: "")
        return try Interruption.line()
    }

    /// Asks for y or n on the terminal; an empty answer means `standard`.
    ///
    /// - Throws: as `answer`.
    func confirm(_ question: String, standard: Bool) throws -> Bool {
        while true {
            let answer = try answer(to: "\(question) \(standard ? "[Y/n]" : "[y/N]") ")
            guard let answer = answer?.trimmingCharacters(in: .whitespaces).lowercased() else { return false }
            switch answer {
            case "": return standard
            case "y", "yes": return true
            case "n", "no": return false
            default: continue
            }
        }
    }

    private static func show(_ text: String, on descriptor: Int32, json: Bool = false) {
        if showsProgress.exchange(false, ordering: .relaxed) {
            write("\r\u{1B}[2K", to: STDERR_FILENO)
        }
        write(isatty(descriptor) == 1 ? TerminalText.harmless(text, json: json) : text, to: descriptor)
    }

    /// Writes all of the text, past partial writes; a closed pipe ends the process quietly.
    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = ArraySlice(text.utf8)
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { return }
            bytes = bytes.dropFirst(written)
        }
    }

    private struct ErrorLine: Encodable {
        let error: String
        let message: String
        let remedy: String?
        let exitCode: Int32
    }
}
