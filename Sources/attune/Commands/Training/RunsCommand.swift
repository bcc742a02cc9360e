// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneAdapter
import AttuneCore
import AttuneKit
import AttuneTraining
import AttuneVault
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
            let vault = try global.open(.reading).vault
            let runs = try vault.runs().map { try RunSummary($0, vault: vault) }
            if global.json { return try global.console.print(RunListing(runs: runs)) }
            var table = Table(["ID", "ADAPTER", "STATE", "STEP", "LOSS", "VAL", "STARTED"])
            for run in runs { table.add(run.row) }
            global.console.print(table)
            if runs.isEmpty { global.console.note("none yet: attune train FOLDER") }
        }
    }

    struct Show: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Show a run, its settings and its curve.")
        @Argument(help: "Its id.") var id: RunID
        @Flag(help: "Draw the losses.") var plot = false
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let vault = try global.open(.reading).vault
            let run = try vault.run(id)
            let points = try vault.points(ofRun: id)
            let settings = try RunSettings(decoding: run.configuration)
            if global.json {
                return try global.console.print(
                    RunDetail(
                        run: try RunSummary(run, vault: vault), settings: settings,
                        points: points.map(RunDetail.Point.init)))
            }
            let console = global.console
            console.print("run \(run.id)  \(run.adapter)  \(run.state.rawValue)  step \(run.step)/\(run.steps)")
            if let detail = run.detail { console.print(detail) }
            console.print(
                "base \(settings.baseName), rank \(settings.training.lora.rank), lr \(settings.training.learningRate), "
                    + "\(settings.training.epochs) epochs, seed \(settings.training.seed), data \(run.data.short)")
            for point in points where point.kind == .validation {
                console.print("  step \(point.step)  validation loss \(point.loss.map(Format.loss) ?? "not finite")")
            }
            if plot { console.print(Chart().render(RunsCommand.series(points, named: "\(run.id)"))) }
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
            let version = try global.open(.writing).accept(run: id)
            try global.done("kept as \(version.reference)")
        }
    }

    struct Compare: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lay the curves of two runs over each other and list how their settings differ.")
        @Argument(help: "The first.") var first: RunID
        @Argument(help: "The second.") var second: RunID
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let vault = try global.open(.reading).vault
            let runs = [try vault.run(first), try vault.run(second)]
            let differences = try RunDifference.between(runs[0].configuration, runs[1].configuration)
            if global.json {
                return try global.console.print(
                    RunComparison(runs: try runs.map { try RunSummary($0, vault: vault) }, differences: differences))
            }
            for difference in differences {
                global.console.print("\(difference.setting): \(difference.first) → \(difference.second)")
            }
            let series = try runs.flatMap { run in
                RunsCommand.series(try vault.points(ofRun: run.id), named: "\(run.id)")
            }
            global.console.print(Chart().render(series))
            for run in runs { global.console.print(try RunSummary(run, vault: vault).row.joined(separator: "  ")) }
        }
    }

    struct Remove: AttuneCommand {
        static let configuration = CommandConfiguration(commandName: "rm", abstract: "Move a run to the trash.")
        @Argument(help: "Its id.") var id: RunID
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            if global.canAsk, !global.console.confirm("Move run \(id) to the trash?", standard: false) { return }
            try global.open(.writing, freeing: true).vault.trashRun(id)
            try global.done("run \(id) is in the trash: attune undo brings it back")
        }
    }

    private static func series(_ points: [RunPoint], named name: String) -> [Chart.Series] {
        [(RunPoint.Kind.train, "loss"), (.validation, "validation")].compactMap { kind, label in
            let line = points.filter { $0.kind == kind }
                .compactMap { point in point.loss.map { (x: Double(point.step), y: $0) } }
            return line.isEmpty ? nil : Chart.Series(name: "\(name) \(label)", points: line)
        }
    }
}
