// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit
import Foundation

extension SyncCommand {
    struct Delete: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have the relay delete what it keeps for this circle.",
            discussion: """
                Devices keep what they have. The relay lets nobody read or write from then on, and removes everything after \
                30 days; until then any device brings it back with attune sync undelete. One device cannot do this alone: \
                give the recovery words, or a file that a second device of the circle wrote with --write-confirmation. \
                Such a file counts until the circle's devices change, also again after attune sync undelete.
                """)
        @OptionGroup var second: SecondConfirmationOptions
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let console = global.console
            let workspace = try global.open(.writing)
            if let file = second.writeConfirmation {
                try workspace.confirm(.deletion, to: file)
                return try global.done("agreed; on the other device: attune sync delete --confirmation FILE")
            }
            console.note(
                "The relay's copy goes. Versions that no device has any more go with it, and devices reach each other only "
                    + "directly from then on.")
            guard try global.agrees("Delete the circle at its relay?", to: "deleting") else { return }
            let confirmation = try second.read(global)
            let until = try Waiting.run { try await workspace.deleteCircleAtRelay(confirmation) }
            let end = until.map { " on " + $0.formatted(.iso8601.year().month().day()) } ?? " later"
            try global.done("deleted; it goes for good\(end). To bring it back: attune sync undelete")
        }
    }

    struct Undelete: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring the circle back to the relay, for 30 days after it was deleted there.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let workspace = try global.open(.writing)
            try Waiting.run { try await workspace.undeleteCircleAtRelay() }
            try global.done("the circle is back: attune sync now")
        }
    }
}
