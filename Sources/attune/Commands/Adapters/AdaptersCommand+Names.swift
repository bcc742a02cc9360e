// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit

extension AdaptersCommand {
    struct Label: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Put a label on a version, or take it off.")
        @Argument(help: "The version, such as notes@3.") var reference: String
        @Argument(help: "The label.") var label: String
        @Flag(help: "Take the label off.") var remove = false
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let adapters = try global.open(.writing).adapters
            if remove {
                try adapters.removeLabel(label, of: reference)
            } else {
                try adapters.label(reference, as: label)
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
            try global.open(.writing).adapters.rename(name, to: newName)
            try global.done("\(name) is now \(newName)")
        }
    }

    struct Copy: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Copy a version under a new name.")
        @Argument(help: "The version, such as notes@3.") var reference: String
        @Argument(help: "The name of the copy.") var newName: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let made = try global.open(.writing).adapters.copy(reference, to: newName)
            try global.done("copied \(reference) to \(made)")
        }
    }

    struct Rollback: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Point a name at an earlier version; the later ones stay.")
        @Argument(help: "notes for the one before, or notes@2.") var reference: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let name = try Adapters.name(in: reference)
            let now = try global.open(.writing).adapters.rollBack(reference)
            try global.done("\(name) is now \(now)")
        }
    }

    struct Remove: AttuneCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Move an adapter or one version to the trash, for 30 days.")
        @Argument(help: "notes, or notes@3 for one version.") var reference: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            _ = try Adapters.name(in: reference)
            if global.canAsk, try !global.console.confirm("Move \(reference) to the trash?", standard: false) { return }
            try global.open(.writing, freeing: true).adapters.trash(reference)
            try global.done("\(reference) is in the trash: attune adapters restore \(reference), or attune undo")
        }
    }

    struct Restore: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Take an adapter or a version out of the trash.")
        @Argument(help: "notes, or notes@3.") var reference: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            try global.open(.writing).adapters.restore(reference)
            try global.done("\(reference) is back")
        }
    }
}
