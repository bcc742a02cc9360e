// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
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
            let found = try DataReview(paths: paths).findings
            if global.json {
                try global.console.print(found)
            } else {
                for issue in found.issues { global.console.print(issue.text) }
                if found.errors > found.issues.count {
                    global.console.print("… and \(found.errors - found.issues.count) more")
                }
                for file in found.ignored {
                    global.console.note("not read: \(Printable.path(file.file)) (\(file.words))")
                }
                if found.blankLines > 0 { global.console.note("blank lines: \(found.blankLines)") }
                for line in found.unused { global.console.note(line) }
                global.console.print(
                    "\(Quantity.counted(found.files, "file")), \(Quantity.counted(found.rows, "row")), "
                        + Quantity.counted(found.errors, "error"))
            }
            if found.errors > 0 { throw ExitCode(ExitStatus.invalidData.rawValue) }
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
            let data = try DataCommand.encode(paths, base: base, skipBad: skipBad, global: global)
            let preview = data.preview(rows: number, limit: limit)
            if global.json { return try global.console.print(preview) }
            let console = global.console
            for row in preview.rows {
                console.print(console.bold("\(row.source)  \(row.trained) of \(row.count) tokens trained"))
                for run in row.runs {
                    let text = Printable.text(run.text)
                    console.print(run.isTrained ? console.green("[\(text)]") : console.dim(text))
                }
                if row.omitted > 0 { console.print("… \(row.omitted) more tokens") }
                console.print("")
            }
            console.note("[text] is trained; \(data.count) rows in all")
        }
    }

    struct Stats: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Count documents, tokens, lengths and repeats.")
        @Argument(help: "Files and folders.") var paths: [String]
        @Option(help: "The base whose tokenizer is used.") var base: String?
        @Option(name: .customLong("max-len"), help: "Length to compare with.")
        var maxLength = DataSurvey.standardLength
        @Flag(help: "Leave bad rows out.") var skipBad = false
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let data = try DataCommand.encode(paths, base: base, skipBad: skipBad, global: global)
            let survey = data.survey(maxLength: maxLength)
            if global.json { return try global.console.print(survey) }
            for (label, value) in survey.facts {
                global.console.print(label.padding(toLength: 18, withPad: " ", startingAt: 0) + value)
            }
            let highest = survey.histogram.map { $0.count }.max() ?? 1
            for bin in survey.histogram {
                let bar = String(repeating: "█", count: (bin.count * 40 + highest - 1) / max(1, highest))
                global.console.print(String(format: "%6d–%-6d %6d  ", bin.from, bin.through, bin.count) + bar)
            }
        }
    }

    /// Loads and encodes with the tokenizer of a base; refuses data with errors.
    private static func encode(
        _ paths: [String], base: String?, skipBad: Bool, global: GlobalOptions
    ) throws -> EncodedData {
        let review = try DataReview(paths: paths, skipBad: skipBad)
        for issue in review.findings.issues.prefix(20) { global.console.note(issue.text) }
        for line in review.findings.unused { global.console.note(line) }
        return try review.encoded(for: base, of: BaseLibrary(folder: global.paths.bases))
    }
}
