// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import AttuneModel
import AttuneTraining
import Foundation

/// `attune data`
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Look at training data before it is used.",
        subcommands: [Check.self, PreviewRows.self, Stats.self])

    struct Check: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read everything and list what is wrong, as file:line:column CODE message.")
        @Argument(help: "Files and folders.") var paths: [String]
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let dataset = try Dataset.load(paths: paths)
            if global.json {
                try global.console.print(CheckReport(dataset))
            } else {
                for issue in dataset.issues { global.console.print(issue.description) }
                if dataset.issueCount > dataset.issues.count {
                    global.console.print("… and \(dataset.issueCount - dataset.issues.count) more")
                }
                for file in dataset.ignored {
                    global.console.note("not read: \(Printable.path(file.file)) (\(file.reason.rawValue))")
                }
                if dataset.blankLines > 0 { global.console.note("blank lines: \(dataset.blankLines)") }
                for (key, count) in dataset.unusedKeys.sorted(by: { $0.key < $1.key }) {
                    global.console.note("key \(Printable.quoted(key)) is not used (\(count) rows)")
                }
                global.console.print("\(dataset.files) files, \(dataset.rows.count) rows, \(dataset.issueCount) errors")
            }
            if dataset.issueCount > 0 { throw ExitCode(ExitStatus.invalidData.rawValue) }
        }
    }

    struct PreviewRows: AttuneCommand {
        static let configuration = CommandConfiguration(
            commandName: "preview", abstract: "Show rows as the model sees them; what is trained is marked.")
        @Argument(help: "Files and folders.") var paths: [String]
        @Option(name: .shortAndLong, help: "Rows to show.") var number = 3
        @Option(help: "Tokens to show of each row.") var limit = 400
        @Option(help: "The base whose tokenizer and chat template are used.") var base: String?
        @Flag(help: "Leave bad rows out.") var skipBad = false
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let (dataset, examples, model) = try DataCommand.encode(paths, base: base, skipBad: skipBad, global: global)
            let previews = examples.prefix(max(0, number)).map { Preview($0, tokenizer: model.tokenizer, limit: limit) }
            if global.json { return try global.console.print(PreviewReport(previews)) }
            let console = global.console
            for preview in previews {
                console.print(
                    console.bold("\(preview.source)  \(preview.trainedCount) of \(preview.tokenCount) tokens trained"))
                for run in preview.runs {
                    let text = Printable.escaped(run.text).replacing("\\n", with: "\n")
                    console.print(run.isTrained ? console.green("[\(text)]") : console.dim(text))
                }
                if preview.omittedCount > 0 { console.print("… \(preview.omittedCount) more tokens") }
                console.print("")
            }
            console.note("[text] is trained; \(dataset.rows.count) rows in all")
        }
    }

    struct Stats: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Count documents, tokens, lengths and repeats.")
        @Argument(help: "Files and folders.") var paths: [String]
        @Option(help: "The base whose tokenizer is used.") var base: String?
        @Option(name: .customLong("max-len"), help: "Length to compare with.")
        var maxLength = TrainingConfiguration.standardLength
        @Flag(help: "Leave bad rows out.") var skipBad = false
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let (dataset, examples, _) = try DataCommand.encode(paths, base: base, skipBad: skipBad, global: global)
            let numbers = DataStatistics(rows: dataset.rows, examples: examples, maxLength: maxLength)
            if global.json { return try global.console.print(StatsReport(statistics: numbers)) }
            let shapes = numbers.shapes.sorted { $0.key.rawValue < $1.key.rawValue }.map {
                "\($0.value) \($0.key.rawValue)"
            }
            for (label, value) in [
                ("files", Format.count(numbers.documents)),
                ("rows", "\(Format.count(numbers.examples)) (\(shapes.joined(separator: ", ")))"),
                ("tokens", "\(Format.count(numbers.tokens)), \(Format.count(numbers.trainedTokens)) trained"),
                (
                    "lengths",
                    "\(numbers.shortest) to \(numbers.longest), median \(numbers.median), 95 % up to \(numbers.percentile95)"
                ),
                ("over \(maxLength)", "\(numbers.exceeding), which are split, none is cut off"),
                ("repeats", "\(numbers.duplicates)"), ("nothing to train", "\(numbers.untrained)"),
            ] {
                global.console.print(label.padding(toLength: 18, withPad: " ", startingAt: 0) + value)
            }
            let highest = numbers.histogram.map(\.count).max() ?? 1
            for bin in numbers.histogram {
                let bar = String(repeating: "█", count: (bin.count * 40 + highest - 1) / max(1, highest))
                global.console.print(String(format: "%6d–%-6d %6d  ", bin.from, bin.through, bin.count) + bar)
            }
        }
    }
}
