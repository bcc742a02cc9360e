// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import AttuneVault
import Foundation

/// `attune status`
struct StatusCommand: AttuneCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "What the store holds.")

    @OptionGroup var global: GlobalOptions

    func execute() throws {
        let workspace = try global.open(.reading)
        let numbers = try workspace.vault.statistics()
        let bases = try workspace.bases.list()
        if global.json {
            return try global.console.print(
                Status(
                    store: workspace.vault.path, bases: bases.map(\.name), adapters: numbers.adapters,
                    versions: numbers.versions, documents: numbers.documents, documentBytes: numbers.documentBytes,
                    runs: numbers.runs, chats: numbers.chats, trashed: numbers.trashed,
                    bytes: numbers.databaseBytes + numbers.logBytes + numbers.chunkBytes,
                    freeBytes: numbers.freeBytes))
        }
        for (label, value) in [
            ("store", workspace.vault.path),
            ("bases", bases.isEmpty ? "none: attune base pull smollm2" : bases.map(\.name).joined(separator: ", ")),
            ("adapters", "\(numbers.adapters), \(numbers.versions) versions"),
            ("documents", "\(numbers.documents), \(Quantity.text(bytes: numbers.documentBytes))"),
            ("runs", "\(numbers.runs)"), ("chats", "\(numbers.chats), \(numbers.messages) messages"),
            ("trash", "\(numbers.trashed)"),
            (
                "on disk",
                Quantity.text(bytes: numbers.databaseBytes + numbers.logBytes + numbers.chunkBytes)
                    + ", \(Quantity.text(bytes: numbers.freeBytes)) free"
            ),
        ] {
            global.console.print(label.padding(toLength: 11, withPad: " ", startingAt: 0) + value)
        }
    }

    private struct Status: Encodable {
        let schema = 1
        let store: String
        let bases: [String]
        let adapters: Int
        let versions: Int
        let documents: Int
        let documentBytes: Int
        let runs: Int
        let chats: Int
        let trashed: Int
        let bytes: Int
        let freeBytes: Int
    }
}
