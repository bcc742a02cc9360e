// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

extension RunID: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}

/// `attune runs`
struct RunsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs", abstract: "Training runs: their curves, going on, keeping what is there.",
        subcommands: [List.self, Show.self, Resume.self, Accept.self, Compare.self, Remove.self],
        defaultSubcommand: List.self)

    struct List: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "List the runs.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let runs = try global.open(.reading).runs.list()
            if global.json { return try global.console.print(Listing(runs: runs)) }
            var table = Table(["ID", "ADAPTER", "STATE", "STEP", "LOSS", "VAL", "STARTED"])
            for run in runs { table.add(run.row) }
            global.console.print(table)
            if runs.isEmpty { global.console.note("none yet: attune train FOLDER") }
            if let last = runs.last(where: { $0.state == "interrupted" }) {
                global.console.note(global.console.addressed("Go on: attune runs resume \(last.id)"))
            }
        }

        private struct Listing: Encodable {
            let schema = 1
            let runs: [RunSummary]
        }
    }

    struct Show: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Show a run, its settings and its curve.")
        @Argument(help: "Its id.") var id: RunID
        @Flag(help: "Draw the losses.") var plot = false
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let run = try global.open(.reading).runs.show(id)
            if global.json { return try global.console.print(run) }
            let console = global.console
            console.print(run.title)
            if let remark = run.remark { console.print(remark) }
            console.print(run.settingsLine)
            for point in run.points where point.isValidation {
                console.print("  step \(point.step)  validation loss \(point.loss.map(Format.loss) ?? "not finite")")
            }
            if plot { console.print(Chart().render(run.curves)) }
        }
    }

    struct Resume: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Go on with an interrupted run; the result is the same, to the byte, as without the stop.",
            discussion: "Several runs on the same base go on in the same passes.")
        @Argument(help: "Its id.") var ids: [RunID]
        @Flag(help: "Print every event as a line of JSON.") var jsonl = false
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let output = TrainingOutput(console: global.console, jsonl: jsonl, json: global.json)
            let workspace = try global.open(.writing)
            output.announce("reading what was saved")
            let session = try TrainingSession.resume(ids, in: workspace)
            try TrainingRun(session: session, output: output, global: global).execute()
        }
    }

    struct Accept: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep the best state an interrupted run had reached as a version.")
        @Argument(help: "Its id.") var id: RunID
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            try global.done("kept as \(try global.open(.writing).runs.accept(id))")
        }
    }

    struct Compare: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lay the curves of two runs over each other and list how their settings differ.")
        @Argument(help: "The first.") var first: RunID
        @Argument(help: "The second.") var second: RunID
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let comparison = try global.open(.reading).runs.compare(first, second)
            if global.json { return try global.console.print(comparison) }
            for difference in comparison.differences {
                global.console.print("\(difference.setting): \(difference.first) → \(difference.second)")
            }
            global.console.print(Chart().render(comparison.curves))
            for run in comparison.runs { global.console.print(run.row.joined(separator: "  ")) }
        }
    }

    struct Remove: AttuneCommand {
        static let configuration = CommandConfiguration(commandName: "rm", abstract: "Move a run to the trash.")
        @Argument(help: "Its id.") var id: RunID
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            if global.canAsk, try !global.console.confirm("Move run \(id) to the trash?", standard: false) { return }
            try global.open(.writing, freeing: true).runs.trash(id)
            try global.done("run \(id) is in the trash: attune undo brings it back")
        }
    }
}

extension RunSummary {
    /// Its cells in a table of runs.
    fileprivate var row: [String] {
        [
            "\(id)", adapter, state, "\(step)/\(steps)", loss.map(Format.loss) ?? "-",
            validationLoss.map(Format.loss) ?? "-", Format.ago(started),
        ]
    }
}

extension Chart {
    /// The losses of runs over their steps.
    fileprivate func render(_ curves: [RunCurveLine]) -> String {
        render(curves.map { Series(name: $0.name, points: $0.points.map { ($0.step, $0.loss) }) })
    }
}
