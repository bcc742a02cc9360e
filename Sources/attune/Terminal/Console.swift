// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneKit
import Foundation

/// Results to stdout, everything else to stderr.
struct Console {
    let json: Bool
    let quiet: Bool
    private let color: Bool

    init(json: Bool, quiet: Bool, colorAllowed: Bool) {
        self.json = json
        self.quiet = quiet
        let environment = ProcessInfo.processInfo.environment
        let forced = environment["CLICOLOR_FORCE"].map { $0 != "0" && !$0.isEmpty } ?? false
        let refused = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
        color = colorAllowed && (forced || (!refused && isatty(STDOUT_FILENO) == 1))
    }

    /// A line of the result.
    func print(_ text: String, terminator: String = "\n") { Self.write(text + terminator, to: STDOUT_FILENO) }

    /// The result as one line of JSON.
    func print(_ value: some Encodable) throws {
        print(String(decoding: try JSON.encoder.encode(value), as: UTF8.self))
    }

    /// A remark beside the result; silent with `--quiet`.
    func note(_ text: String, terminator: String = "\n") {
        if !quiet { Self.write(text + terminator, to: STDERR_FILENO) }
    }

    /// An error; with `--json` as one line of JSON.
    func report(_ error: any AttuneError) {
        if json {
            let line = ErrorLine(
                error: error.code, message: error.message, remedy: error.remedy,
                exitCode: error.exitStatus.rawValue)
            if let data = try? JSON.encoder.encode(line) {
                Self.write(String(decoding: data, as: UTF8.self) + "\n", to: STDERR_FILENO)
                return
            }
        }
        Self.write("\(error)\n", to: STDERR_FILENO)
    }

    func bold(_ text: String) -> String { color ? "\u{1B}[1m\(text)\u{1B}[0m" : text }
    func dim(_ text: String) -> String { color ? "\u{1B}[2m\(text)\u{1B}[0m" : text }
    func green(_ text: String) -> String { color ? "\u{1B}[32m\(text)\u{1B}[0m" : text }

    /// Asks for y or n on the terminal; an empty answer means `standard`.
    func confirm(_ question: String, standard: Bool) -> Bool {
        while true {
            Self.write("\(question) \(standard ? "[Y/n]" : "[y/N]") ", to: STDERR_FILENO)
            guard let answer = readLine()?.trimmingCharacters(in: .whitespaces).lowercased() else { return false }
            switch answer {
            case "": return standard
            case "y", "yes": return true
            case "n", "no": return false
            default: continue
            }
        }
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
