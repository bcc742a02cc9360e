// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// `attune people`
struct PeopleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "people", abstract: "Other people, for sharing adapters with them.",
        discussion: """
            Both give each other their card: attune people card FILE. Both add it and compare the safety number, by \
            telephone or side by side: attune people confirm NAME. Then: attune adapters share NOTES --with NAME FILE.
            """,
        subcommands: [List.self, Card.self, Add.self, Confirm.self, Remove.self, Received.self],
        defaultSubcommand: List.self)

    struct List: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "List the people.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let people = try global.open(.reading).people.list()
            if global.json { return try global.console.print(Listing(people: people)) }
            var table = Table(["NAME", "CIRCLE", "STATE"])
            for person in people {
                table.add([person.name, person.circleStart, person.confirmed ? "confirmed" : "not confirmed"])
            }
            global.console.print(table)
            if people.isEmpty { global.console.note("nobody yet: attune people add CARD --name NAME") }
        }
    }

    struct Card: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write your card: the public keys of your devices, for others to send you adapters.",
            discussion: "A store that is in no circle yet begins one, of this device alone.")
        @Argument(help: "The file to make.") var output: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let workspace = try global.open(.writing)
            try workspace.beginCircle(named: Workspace.machineName, paper: nil)
            try NewFile.write(try workspace.ownCard().bytes, to: output)
            try global.done("your card is in \(output)")
        }
    }

    struct Add: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Add a person from their card, or take a newer card.")
        @Argument(help: "Their card.") var card: String
        @Option(help: "What to call them.") var name: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            guard FileManager.default.fileExists(atPath: card) else { throw KitError.nothingThere(card) }
            let bytes = try MappedFile(path: card).withBytes { Array($0) }
            let workspace = try global.open(.writing)
            let person = try workspace.people.add(card: bytes, name: name)
            let number = try workspace.safetyNumber(with: person.name)
            if global.json {
                return try global.console.print(
                    Added(
                        name: person.name, circle: person.circle, safetyNumber: number,
                        confirmed: person.confirmed))
            }
            global.console.print("\(person.name) is known; your safety number:\n\n  \(number)\n")
            if !person.confirmed {
                global.console.note("compare it with \(person.name), then: attune people confirm \(person.name)")
            }
        }
    }

    struct Confirm: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say that both of you see the same safety number.",
            discussion: "Compare all 60 digits by telephone or side by side, not over what carried the card.")
        @Argument(help: "The person's name.") var name: String
        @Option(help: "The number that they read to you, where nobody can be asked.") var number: String?
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let workspace = try global.open(.writing)
            if let number {
                try workspace.confirm(person: name, number: number)
            } else {
                let number = try workspace.safetyNumber(with: name)
                global.console.ask("Your safety number with \(name):\n\n  \(number)\n")
                guard global.canAsk else {
                    throw ValidationError("nobody can be asked here: give --number with what \(name) read to you")
                }
                workspace.yieldStore()  // two people may take long to compare
                guard try global.console.confirm("Does \(name) see the same number?", standard: false) else { return }
                try workspace.confirm(person: name, number: number)
            }
            try global.done("\(name) is confirmed")
        }
    }

    struct Remove: AttuneCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Forget a person; adapters of theirs stay.")
        @Argument(help: "The person's name.") var name: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            try global.open(.writing).people.remove(name)
            try global.done("\(name) is forgotten")
        }
    }

    struct Received: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "List what came from elsewhere and nobody took in yet.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let received = try global.open(.reading).people.received()
            if global.json { return try global.console.print(Waiting(received: received)) }
            var table = Table(["NAME", "FROM", "ARRIVED"])
            for item in received { table.add([item.name, item.from ?? "-", Format.ago(item.arrived)]) }
            global.console.print(table)
            if let first = received.first { global.console.note("take it in: attune adapters accept \(first.name)") }
        }
    }

    private struct Listing: Encodable {
        let schema = 1
        let people: [Person]
    }

    private struct Added: Encodable {
        let schema = 1
        let name: String
        let circle: String
        let safetyNumber: String
        let confirmed: Bool
    }

    private struct Waiting: Encodable {
        let schema = 1
        let received: [ReceivedAdapter]
    }
}
