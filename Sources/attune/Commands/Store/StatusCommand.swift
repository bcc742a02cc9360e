// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// `attune status`
struct StatusCommand: AttuneCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "What the store holds.")

    @OptionGroup var global: GlobalOptions

    func execute() throws {
        let status = try global.open(.reading).status()
        if global.json { return try global.console.print(status) }
        for (label, value) in [
            ("store", status.store),
            ("bases", status.bases.isEmpty ? "none: attune base pull smollm2" : status.bases.joined(separator: ", ")),
            ("adapters", "\(status.adapters), \(status.versions) versions"),
            ("documents", "\(status.documents), \(Quantity.text(bytes: status.documentBytes))"),
            ("runs", "\(status.runs)" + Self.interrupted(status.interrupted, global.console)),
            ("chats", "\(status.chats), \(status.messages) messages"),
            ("trash", "\(status.trashed)"),
            (
                "on disk",
                Quantity.text(bytes: status.bytes)
                    + ", \(Quantity.text(bytes: status.freeBytes)) free"
            ),
        ] {
            global.console.print(label.padding(toLength: 11, withPad: " ", startingAt: 0) + value)
        }
    }

    private static func interrupted(_ runs: [RunID], _ console: Console) -> String {
        guard let last = runs.last else { return "" }
        return console.addressed(", \(runs.count) interrupted: attune runs resume \(last)")
    }
}
