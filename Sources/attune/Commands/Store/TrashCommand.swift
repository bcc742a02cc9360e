// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit
import Foundation

/// `attune trash`
struct TrashCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trash", abstract: "What was removed in the last 30 days.",
        subcommands: [List.self, Empty.self], defaultSubcommand: List.self)

    struct List: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "List the trash.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let entries = try global.open(.reading).trash.list()
            if global.json { return try global.console.print(Listing(entries: entries)) }
            var table = Table(["KIND", "NAME", "REMOVED"])
            for entry in entries { table.add([entry.kind, entry.name, Format.ago(entry.removed)]) }
            global.console.print(table)
            if !entries.isEmpty { global.console.note("one of them back: attune adapters restore NAME") }
        }
    }

    struct Empty: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Erase for good what has been in the trash for 30 days, or everything in it.")
        @Flag(help: "Everything, not only what is old.") var all = false
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            if all && !global.yes {
                guard global.canAsk else { throw ValidationError("--all erases for good; add --yes") }
                guard try global.console.confirm("Erase everything in the trash for good?", standard: false) else {
                    return
                }
            }
            let erased = try global.open(.writing, freeing: true).trash.empty(all: all)
            try global.done(erased.isEmpty ? "nothing to erase" : "erased \(erased.joined(separator: ", "))")
        }
    }

    private struct Listing: Encodable {
        let schema = 1
        let entries: [TrashedItem]
    }
}
