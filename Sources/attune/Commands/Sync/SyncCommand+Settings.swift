// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit

extension SyncCommand {
    struct Pause: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Send and receive nothing until resume.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            try global.open(.writing).pauseSync(true)
            try global.done("sync is paused: attune sync resume")
        }
    }

    struct Resume: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Let sync go on.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            try global.open(.writing).pauseSync(false)
            try global.done("sync goes on: attune sync now")
        }
    }

    struct Relay: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have the circle use a relay, which gets it from this device if it does not know it.",
            discussion:
                "Without an address, shows which relay is used. The other devices keep theirs until they are told too.")
        @Argument(help: "Its address, such as https://relay.example.") var address: String?
        @Option(help: "A file with an invite token, for a relay that asks for one; - for standard input.")
        var inviteFile: String?
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let console = global.console
            guard let address else {
                let relay = try global.open(.reading).relay()
                if console.json { return try console.print(Used(relay: relay)) }
                return console.print(relay ?? "none")
            }
            let invite = try inviteFile.map { try PairingCodeSource.line(ofFile: $0) }
            let workspace = try global.open(.writing)
            let relay = try Waiting.run { try await workspace.useRelay(address, invite: invite) }
            if console.json { return try console.print(Used(relay: relay)) }
            try global.done("the circle uses \(relay): attune sync now")
        }

        private struct Used: Encodable {
            let schema = 1
            let relay: String?
        }
    }

    struct Limit: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Limit how fast sync sends and receives, and how large what it fetches may be.",
            discussion: """
                Sizes such as 500K or 2M, per second for --up and --down; 0 for no limit. Without options, shows the limits.
                """)
        @Option(help: "Most to send in a second.", transform: Limit.rate) var up: Int?
        @Option(help: "Most to receive in a second.", transform: Limit.rate) var down: Int?
        @Option(
            help: "Largest version of another device to fetch; 0 for what memory allows.", transform: Limit.rate)
        var largest: Int?
        @OptionGroup var global: GlobalOptions

        private static func rate(_ text: String) throws -> Int {
            guard let bytes = text == "0" ? 0 : Quantity.bytes(text) else {
                throw ValidationError("a limit is a size such as 500K, or 0 for none; not \(text)")
            }
            return bytes
        }

        func execute() throws {
            let changes = up != nil || down != nil || largest != nil
            let workspace = try global.open(changes ? .writing : .reading)
            try workspace.limitSync(up: up, down: down, largest: largest)
            let limits = try workspace.syncLimits()
            if global.json { return try global.console.print(limits) }
            func text(_ limit: Int?) -> String { limit.map { Quantity.text(bytes: $0) + "/s" } ?? "no limit" }
            global.console.print("send     \(text(limits.up))")
            global.console.print("receive  \(text(limits.down))")
            global.console.print(
                "largest  \(Quantity.text(bytes: limits.largest)) of a version are fetched by themselves")
        }
    }
}
