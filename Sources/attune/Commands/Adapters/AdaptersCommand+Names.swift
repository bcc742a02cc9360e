// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit
import AttuneVault

extension AdaptersCommand {
    struct Label: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Put a label on a version, or take it off.")
        @Argument(help: "The version, such as notes@3.") var reference: String
        @Argument(help: "The label.") var label: String
        @Flag(help: "Take the label off.") var remove = false
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let vault = try global.open(.writing).vault
            if remove {
                try vault.removeLabel(label, of: try VersionReference(reference).adapter)
            } else {
                try vault.label(try VersionReference(reference), as: label)
            }
            try global.done("\(remove ? "took off" : "set") label \(label) of \(reference)")
        }
    }

    struct Rename: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Rename an adapter.")
        @Argument(help: "Its name now.") var name: String
        @Argument(help: "Its new name.") var newName: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            try global.open(.writing).vault.rename(name, to: newName)
            try global.done("\(name) is now \(newName)")
        }
    }

    struct Copy: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Copy a version under a new name.")
        @Argument(help: "The version, such as notes@3.") var reference: String
        @Argument(help: "The name of the copy.") var newName: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let made = try global.open(.writing).vault.copy(try VersionReference(reference), to: newName)
            try global.done("copied \(reference) to \(made.reference)")
        }
    }

    struct Rollback: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Point a name at an earlier version; the later ones stay.")
        @Argument(help: "notes for the one before, or notes@2.") var reference: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let parsed = try VersionReference(reference)
            let selector = parsed.selector == .head ? .back(1) : parsed.selector
            let now = try global.open(.writing).vault.rollback(parsed.adapter, to: selector)
            try global.done("\(parsed.adapter) is now \(now.reference)")
        }
    }

    struct Remove: AttuneCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Move an adapter or one version to the trash, for 30 days.")
        @Argument(help: "notes, or notes@3 for one version.") var reference: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let parsed = try VersionReference(reference)
            if global.canAsk, !global.console.confirm("Move \(reference) to the trash?", standard: false) { return }
            let vault = try global.open(.writing, freeing: true).vault
            if parsed.selector == .head {
                try vault.trashAdapter(parsed.adapter)
            } else {
                try vault.trashVersion(parsed)
            }
            try global.done("\(reference) is in the trash: attune adapters restore \(reference), or attune undo")
        }
    }

    struct Restore: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Take an adapter or a version out of the trash.")
        @Argument(help: "notes, or notes@3.") var reference: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let vault = try global.open(.writing).vault
            let kinds: Set<TrashEntry.Kind> = [.adapter, .version]
            guard let entry = try vault.trash().last(where: { $0.name == reference && kinds.contains($0.kind) }) else {
                throw KitError.notInTrash(reference)
            }
            try vault.restore(entry)
            try global.done("\(reference) is back")
        }
    }
}
