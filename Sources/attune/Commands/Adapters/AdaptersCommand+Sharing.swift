// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit

extension AdaptersCommand {
    struct Share: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Seal a copy of a version for another person into a file.",
            discussion: Workspace.sharingNotice)
        @Argument(help: "The version, such as notes@3.") var reference: String
        @Option(name: .customLong("with"), help: "The person's name.") var person: String
        @Argument(help: "The file to make.") var output: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let workspace = try global.open(.writing)
            try workspace.requireConfirmed(person)
            if try workspace.isFirstShare() {
                global.console.ask(Workspace.sharingNotice)
                workspace.yieldStore()
                if global.canAsk, try !global.console.confirm("Share \(reference) with \(person)?", standard: false) {
                    return
                }
            }
            try workspace.share(reference, with: person, to: output)
            try global.done("\(reference) is sealed for \(person) in \(output)")
        }
    }

    struct Accept: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take in an adapter that came from elsewhere; until then it is kept apart.",
            discussion:
                "It becomes an adapter of its own and is never merged by itself. Weights can carry behaviour that shows only at times: use adapters of people you trust."
        )
        @Argument(help: "Its name, as attune people received lists it.") var name: String
        @Option(name: .customLong("name"), help: "What to call it here; its name, or NAME-2 where that is taken.")
        var newName: String?
        @Flag(help: "Throw it away instead.") var reject = false
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let people = try global.open(.writing).people
            if reject {
                try people.reject(name)
                return try global.done("\(name) is gone")
            }
            try global.done("taken in as \(try people.accept(name, as: newName))")
        }
    }
}
