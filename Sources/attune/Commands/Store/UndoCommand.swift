// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit
import AttuneVault
import Foundation

/// `attune undo`
struct UndoCommand: AttuneCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo", abstract: "Take the last change of the adapters back.")

    @Flag(help: "List the changes instead.") var list = false
    @OptionGroup var global: GlobalOptions

    func execute() throws {
        if list {
            let operations = try global.open(.reading).vault.operations(limit: 50)
            if global.json { return try global.console.print(Operations(operations: operations.map(Operation.init))) }
            var table = Table(["WHEN", "WHAT", "STATE"])
            for operation in operations {
                table.add([
                    Format.ago(operation.time), operation.description,
                    operation.isUndone ? "undone" : operation.canBeUndone ? "" : "cannot be undone",
                ])
            }
            return global.console.print(table)
        }
        let undone = try global.open(.writing).vault.undo()
        try global.done("undone: \(undone.description)")
    }

    private struct Operation: Encodable {
        let sequence: Int64
        let time: Date
        let kind: String
        let description: String
        let undone: Bool

        init(_ record: OperationRecord) {
            sequence = record.sequence
            time = record.time
            kind = record.kind.rawValue
            description = record.description
            undone = record.isUndone
        }
    }

    private struct Operations: Encodable {
        let schema = 1
        let operations: [Operation]
    }
}
