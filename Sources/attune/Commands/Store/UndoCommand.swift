// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// `attune undo`
struct UndoCommand: AttuneCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo", abstract: "Take the last change of the adapters back.",
        discussion: """
            Nothing is erased. Where something moves to the trash by it, such as what a training made, a person at a \
            terminal is asked first, as by attune adapters rm.
            """)

    @Flag(help: "List the changes instead.") var list = false
    @OptionGroup var global: GlobalOptions

    func execute() throws {
        if list {
            let operations = try global.open(.reading).operations.list(limit: 50)
            if global.json { return try global.console.print(Listing(operations: operations)) }
            var table = Table(["WHEN", "WHAT", "STATE"])
            for operation in operations {
                table.add([
                    Format.ago(operation.time), operation.description,
                    operation.isUndone ? "undone" : operation.canBeUndone ? "" : "cannot be undone",
                ])
            }
            return global.console.print(table)
        }
        let workspace = try global.open(.writing)
        let next = try workspace.operations.next()
        if let next, let trashed = next.trashes, global.canAsk {
            workspace.yieldStore()  // a person may take long to answer
            let question = "Undo \u{201C}\(next.operation.description)\u{201D} and move \(trashed) to the trash?"
            guard try global.console.confirm(ShownText.line(question), standard: false) else { return }
        }
        let undone = try workspace.operations.undo(expecting: next?.operation)
        try global.done(
            "undone: \(undone.description)" + (next?.trashes.map { "; \($0) is in the trash: attune trash" } ?? ""))
    }

    private struct Listing: Encodable {
        let schema = 1
        let operations: [LoggedOperation]
    }
}
