// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import Synchronization

/// Where the commands stand below `attune`.
enum CommandNames {
    private static let root = Mutex<any ParsableCommand.Type>(NoCommand.self)
    private struct NoCommand: ParsableCommand {}

    /// Takes the command that all others stand below; called once, before any of them runs.
    static func begin(with command: any ParsableCommand.Type) { root.withLock { $0 = command } }

    private static var first: any ParsableCommand.Type { root.withLock { $0 } }

    /// The words that call a command, such as `attune sync now`.
    static func words(of command: any ParsableCommand.Type) -> String {
        path(to: command, below: first)?.joined(separator: " ") ?? "attune"
    }

    /// What to say where a word stands for a command and is none; nil if there is no such word.
    static func problem(in arguments: [String]) -> String? {
        var command: any ParsableCommand.Type = first
        var said = ["attune"]
        for word in arguments {
            let known = command.configuration.subcommands
            guard !known.isEmpty, !word.hasPrefix("-"), !(said.count == 1 && word == "help") else { return nil }
            if let next = known.first(where: { $0._commandName == word }) {
                command = next
                said.append(word)
                continue
            }
            let names = known.map { $0._commandName }
            let group = said.joined(separator: " ")
            let close = names.map { (name: $0, distance: Array($0).editDistance(to: Array(word))) }
                .filter { $0.distance <= ($0.name.count < 5 ? 1 : 2) || (word.count > 1 && $0.name.hasPrefix(word)) }
                .min { $0.distance < $1.distance }
            return "there is no command \(group) \(word)"
                + (close.map { "; did you mean \(group) \($0.name)?" } ?? "")
                + "\n  See '\(group) --help' for the commands that there are."
        }
        return nil
    }

    /// The text with `--store` behind each command of this program; not where one is there, or another device is meant.
    static func addressed(_ text: String, store: String) -> String {
        var (result, rest) = ("", text[...])
        while let found = rest.firstMatch(of: /\battune(?: [a-z]+)+/) {
            var (command, end): (any ParsableCommand.Type, Int) = (first, "attune".count)
            for word in found.output.dropFirst(end).split(separator: " ") {
                guard let next = command.configuration.subcommands.first(where: { $0._commandName == word }) else {
                    break
                }
                command = next
                end += 1 + word.count
            }
            let stop = rest.index(found.range.lowerBound, offsetBy: end)
            result += rest[..<stop]
            let isElsewhere = result.dropLast(end).hasSuffix("device: ")
            rest = rest[stop...]
            let clause = rest.prefix { $0 != "\n" && $0 != ";" }
            if command != first, command._commandName != "explain", !isElsewhere, !clause.contains("--store") {
                result += " --store \(ShellWord.quoted(store))"
            }
        }
        return result + rest
    }

    private static func path(
        to wanted: any ParsableCommand.Type, below command: any ParsableCommand.Type
    ) -> [String]? {
        if command == wanted { return [command._commandName] }
        for next in command.configuration.subcommands {
            if let found = path(to: wanted, below: next) { return [command._commandName] + found }
        }
        return nil
    }
}
