// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import AttuneSync
import AttuneVault

extension SyncCommand {
    struct Pause: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Send and receive nothing until resume.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            try global.open(.writing).updateSyncSettings { $0.isPaused = true }
            try global.done("sync is paused: attune sync resume")
        }
    }

    struct Resume: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Let sync go on.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            try global.open(.writing).updateSyncSettings { $0.isPaused = false }
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
                let relay = try global.open(.reading).syncSettings().relay
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
            if let largest { try global.open(.writing).vault.setLargestFetched(largest > 0 ? largest : nil) }
            if up != nil || down != nil {
                try global.open(.writing).updateSyncSettings { settings in
                    if let up { settings.uploadLimit = up > 0 ? up : nil }
                    if let down { settings.downloadLimit = down > 0 ? down : nil }
                }
            }
            let workspace = try global.open(.reading)
            let settings = try workspace.syncSettings()
            let fetched = try workspace.vault.largestFetched()
            if global.json {
                return try global.console.print(
                    Limits(up: settings.uploadLimit, down: settings.downloadLimit, largest: fetched))
            }
            func text(_ limit: Int?) -> String { limit.map { Quantity.text(bytes: $0) + "/s" } ?? "no limit" }
            global.console.print("send     \(text(settings.uploadLimit))")
            global.console.print("receive  \(text(settings.downloadLimit))")
            global.console.print("largest  \(Quantity.text(bytes: fetched)) of a version are fetched by themselves")
        }

        private struct Limits: Encodable {
            let schema = 1
            let up: Int?
            let down: Int?
            let largest: Int
        }
    }
}
