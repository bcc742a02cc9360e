// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
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
            let adapters = try global.open(.reading).adapters
            let heads = try adapters.list()
            try AdaptersCommand.show(heads, on: global.console)
            for name in try adapters.withSeveralHeads() {
                global.console.note("\(name) went on at two devices at once: attune adapters resolve \(name)")
            }
            for alike in try adapters.lookAlikes() {
                let names = alike.map(ShownText.spelled).joined(separator: " and ")
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
            try AdaptersCommand.show(try global.open(.reading).adapters.versions(of: name), on: global.console)
        }
    }

    struct Show: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Show a version and how it was trained.")
        @Argument(help: "notes, notes@3, notes@-1 or notes:label.") var reference: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let version = try global.open(.reading).adapters.show(reference)
            if global.json { return try global.console.print(version) }
            for (label, value) in version.facts {
                global.console.print(label.padding(toLength: 12, withPad: " ", startingAt: 0) + ShownText.line(value))
            }
        }
    }

    struct Diff: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare two versions: settings, and how far each matrix moved.")
        @Argument(help: "The older one.") var first: String
        @Argument(help: "The newer one.") var second: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let difference = try global.open(.reading).adapters.difference(first, second)
            if global.json { return try global.console.print(difference) }
            for line in difference.settings { global.console.print(ShownText.line(line)) }
            var table = Table(["MATRIX", "NORM \(first)", "NORM \(second)", "CHANGE"])
            for matrix in difference.matrices {
                table.add([
                    matrix.name, String(format: "%.4f", matrix.before), String(format: "%.4f", matrix.after),
                    String(format: "%.4f", matrix.change),
                ])
            }
            global.console.print(table)
            let (changed, all) = difference.counts
            global.console.print("changed \(changed) of \(all) matrices")
        }
    }

    static func show(_ versions: [AdapterSummary], on console: Console) throws {
        if console.json { return try console.print(AdapterListing(adapters: versions)) }
        var table = Table(["NAME", "VERSION", "BASE", "RANK", "SIZE", "VAL-PPL", "TRAINED", "STATE"])
        for version in versions { table.add(version.row) }
        console.print(table)
    }

    private struct AdapterListing: Encodable {
        let schema = 1
        let adapters: [AdapterSummary]
    }
}

extension AdapterSummary {
    /// Its cells in a table of versions.
    fileprivate var row: [String] {
        var state = labels
        if head { state.insert("live", at: 0) }
        if !here { state.append("not fetched") }
        if !basePresent { state.append("base missing here") }
        return [
            name, "@\(version)", base, String(rank), Quantity.text(bytes: bytes), perplexityText, Format.ago(created),
            state.joined(separator: ", "),
        ]
    }
}
