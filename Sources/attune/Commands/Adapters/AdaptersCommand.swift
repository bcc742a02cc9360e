// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneAdapter
import AttuneCore
import AttuneKit
import AttuneVault
import Foundation

/// `attune adapters`
struct AdaptersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adapters", abstract: "The adapters of the store and their versions.",
        subcommands: [
            List.self, Show.self, Versions.self, Diff.self, Label.self, Rename.self, Copy.self, Rollback.self,
            Remove.self, Restore.self, Heads.self, Resolve.self, Merge.self, Verify.self, Export.self, Import.self,
            Share.self, Accept.self,
        ],
        defaultSubcommand: List.self)

    struct List: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "List the adapters.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let workspace = try global.open(.reading)
            let adapters = try workspace.vault.adapters()
            let heads = try adapters.flatMap { try workspace.heads(of: $0.name).map(\.version) }
            try AdaptersCommand.show(heads, in: workspace, on: global.console)
            for name in try workspace.vault.adaptersWithSeveralHeads() {
                global.console.note("\(name) went on at two devices at once: attune adapters resolve \(name)")
            }
            for alike in Dictionary(grouping: adapters.map(\.name), by: NameLook.init).values where alike.count > 1 {
                let names = alike.sorted().map(ShownText.spelled).joined(separator: " and ")
                global.console.note("\(names) look the same, and are different adapters")
            }
            if heads.isEmpty { global.console.note("none yet: attune train FOLDER") }
        }
    }

    struct Versions: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "List the versions of an adapter.")
        @Argument(help: "Its name.") var name: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let workspace = try global.open(.reading)
            try AdaptersCommand.show(try workspace.vault.versions(of: name), in: workspace, on: global.console)
        }
    }

    struct Show: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Show a version and how it was trained.")
        @Argument(help: "notes, notes@3, notes@-1 or notes:label.") var reference: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let workspace = try global.open(.reading)
            let record = try workspace.vault.version(reference)
            let summary = try AdapterSummary(record, bases: try workspace.bases.list())
            if global.json {
                return try global.console.print(
                    Shown(adapter: summary, training: try Workspace.manifest(of: record).training))
            }
            let training = try Workspace.manifest(of: record).training
            var rows = [
                ("adapter", "\(record.reference)\(record.isHead ? " (live)" : "")"), ("id", record.id.description),
                (
                    "base",
                    "\(summary.base) (\(summary.baseId.prefix(12)))\(summary.basePresent ? "" : ", missing here")"
                ),
                ("rank", "\(summary.rank), alpha \(summary.alpha)"),
                ("changes", "\(summary.modules.joined(separator: ", ")) in \(summary.layers) layers"),
                ("size", Quantity.text(bytes: summary.bytes)), ("val-ppl", summary.perplexityText),
            ]
            if let training {
                rows.append(
                    ("trained on", "\(training.documents) documents, \(Quantity.text(count: training.tokens)) tokens"))
                rows.append(
                    (
                        "steps",
                        "\(training.steps), \(String(format: "%.2f", training.epochs)) epochs, seed \(training.seed)"
                    ))
            }
            if let run = record.run { rows.append(("run", "\(run)")) }
            if !record.labels.isEmpty { rows.append(("labels", record.labels.joined(separator: ", "))) }
            for (label, value) in rows {
                global.console.print(label.padding(toLength: 12, withPad: " ", startingAt: 0) + ShownText.line(value))
            }
        }

        private struct Shown: Encodable {
            let schema = 1
            let adapter: AdapterSummary
            let training: TrainingSummary?
        }
    }

    struct Diff: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare two versions: settings, and how far each matrix moved.")
        @Argument(help: "The older one.") var first: String
        @Argument(help: "The newer one.") var second: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let workspace = try global.open(.reading)
            let (old, new) = (try workspace.load(first), try workspace.load(second))
            let difference = try AdapterDifference(between: old, and: new)
            if global.json { return try global.console.print(difference) }
            for setting in difference.settings {
                global.console.print(ShownText.line("\(setting.name): \(setting.before) → \(setting.after)"))
            }
            var table = Table(["MATRIX", "NORM \(first)", "NORM \(second)", "CHANGE"])
            for site in difference.sites where site.change > 0 {
                table.add([
                    site.site.description, String(format: "%.4f", site.before), String(format: "%.4f", site.after),
                    String(format: "%.4f", site.change),
                ])
            }
            global.console.print(table)
            global.console.print("changed \(difference.changedSites) of \(difference.sites.count) matrices")
        }
    }

    static func show(_ records: [VersionRecord], in workspace: Workspace, on console: Console) throws {
        let bases = try workspace.bases.list()
        let rows = try records.map { try AdapterSummary($0, bases: bases) }
        if console.json { return try console.print(AdapterListing(adapters: rows)) }
        var table = Table(AdapterSummary.header)
        for row in rows { table.add(row.row) }
        console.print(table)
    }
}
