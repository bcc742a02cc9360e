// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// `attune devices`
struct DevicesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices", abstract: "The devices that share the adapters of this store.",
        subcommands: [List.self, Add.self, Join.self, Rename.self, Revoke.self, Identity.self],
        defaultSubcommand: List.self)

    /// The devices as a person sees them.
    static func table(_ devices: [DeviceListing]) -> Table {
        var table = Table(["NAME", "FINGERPRINT", "LAST RECEIVED", "ROUTE", "ENTRIES", "STATE"])
        for device in devices {
            table.add([
                device.hasNickname ? "\(device.name) (\(device.ownName))" : device.name, device.fingerprint,
                device.isThis ? "now" : device.lastReceived.map { Format.ago($0) } ?? "-",
                device.route?.rawValue ?? "-",
                device.isPaper ? "-" : "\(device.entries)",
                state(of: device),
            ])
        }
        return table
    }

    private static func state(of device: DeviceListing) -> String {
        switch device.state {
        case .revoked: device.isThis ? "this device, shut out" : "revoked"
        case .active: device.isThis ? "this device" : device.isPaper ? "recovery words" : "active"
        }
    }

    struct List: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the devices of the circle.",
            discussion: """
                LAST RECEIVED is when something that the device made last came here, by this machine's clock: where this \
                device is new that is when it joined, be the changes as old as they may. A device that only reads sends \
                nothing that shows, so no time and no early time says that a lost one is off: shut it out.
                """)
        @Flag(help: "Revoked devices too.") var all = false
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let workspace = try global.open(.reading)
            let devices = try workspace.devices().filter { all || $0.state != .revoked || $0.isThis }
            if global.json { return try global.console.print(Listed(devices: devices)) }
            guard !devices.isEmpty else {
                return global.console.note("this store has no circle yet: attune devices add")
            }
            let table = DevicesCommand.table(devices)
            global.console.print(table)
            if devices.contains(where: { $0.isThis && $0.state == .revoked }) {
                global.console.note(
                    "this device was shut out of the circle, and hears no more of it; as a new device it can join again: "
                        + "attune devices join --relay URL")
            }
            for device in devices where device.namedByOthers {
                global.console.note(
                    "another device gave \(device.label) a name: a device names itself only, so that does not count")
            }
            if devices.contains(where: \.looksLikeAnother) {
                global.console.note("some names look the same: only fingerprints tell these devices apart")
            }
        }

        private struct Listed: Encodable {
            let schema = 1
            let devices: [DeviceListing]
        }
    }

    struct Rename: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give this device another name, or call another one otherwise here.",
            discussion: """
                A device names itself: the name of this one is seen by all. What another one is called here is for this \
                store alone and is sent nowhere; its own name again takes that back.
                """)
        @Argument(help: "Its name or fingerprint.") var device: String
        @Argument(help: "The new name.") var name: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let workspace = try global.open(.writing)
            let (device, name) = (device, name)
            let (renamed, isLocal) = try Waiting.run { try await workspace.renameDevice(device, to: name) }
            try global.done(
                "\(renamed.fingerprint) is now \(renamed.name)"
                    + (isLocal ? " here; it calls itself \(renamed.ownName)" : ""))
        }
    }

    struct Identity: AttuneCommand {
        static let configuration = CommandConfiguration(
            commandName: "id", abstract: "Show the id and the fingerprint of this device.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let own = try global.open(.reading).ownDevice()
            if global.json { return try global.console.print(own) }
            global.console.print("\(own.name)  \(own.fingerprint)  \(own.id)")
        }
    }

    struct Revoke: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shut devices out of the circle.",
            discussion: """
                A revoked device gets nothing new. It keeps what it has: any adapter on it must be considered known to \
                whoever has the device. A device can call itself as it likes, so look at the fingerprint; where nobody \
                is asked, one that has a new name is taken by its fingerprint only. What it published counts on, unless --after or --since says up to where: what \
                comes after that is undone on every device, and the relay lets it go. To revoke two devices at once, or the last other one, the recovery words are \
                needed too; for two devices a second device of the circle will do, which writes a file that says so \
                with --write-confirmation.
                """)
        @Argument(help: "Names or fingerprints.") var devices: [String]
        @Option(
            help: """
                The number of the device's last entry that counts, 0 for none; attune sync undo NAME shows them. \
                Without, all that it published so far counts.
                """)
        var after: UInt64?
        @Option(help: "What came here at this time or later does not count, such as 2026-11-29T22:00:00Z.")
        var since: String?
        @OptionGroup var second: SecondConfirmationOptions
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let console = global.console
            let workspace = try global.open(.writing)
            let cutOff = try cutOff
            try Waiting.run { try await workspace.requireMembership() }
            let found = try workspace.devices(named: devices, isCertain: !global.canAsk)
            guard !found.contains(where: \.isThis) else { throw KitError.revokesItself }
            // An answer comes only once it is known to be possible.
            let last = try cutOff == .newest ? nil : found.map { try workspace.lastEntry(of: $0, by: cutOff)?.seq ?? 0 }
            let names = found.map { "\($0.name) (\($0.fingerprint))" }.joined(separator: ", ")
            for device in found { console.note(Self.description(of: device)) }
            console.note(
                "\(names): nothing new reaches it from now on. It keeps what it has, and every adapter on it must be "
                    + "considered known to whoever has it.")
            if let last = last?.first {
                console.note(
                    last == 0
                        ? "Nothing that it published counts any more."
                        : "Of what it published its entries up to \(last) count, and later ones do not.")
                let effects = try workspace.effects(of: cutOff, on: found[0])
                console.note(
                    effects.isEmpty
                        ? "That changes no adapter here."
                        : "What that does to adapters here, and likewise on the other devices:")
                for effect in effects { console.note("  \(ShownText.line(effect))") }
            } else {
                console.note("All that it published so far counts; --after or --since says up to where.")
            }
            let guests = try workspace.guests(of: found)
            if !guests.isEmpty {
                let list = guests.map { "\($0.name) (\($0.fingerprint))" }.joined(separator: ", ")
                console.note(
                    "Let in by \(found.count == 1 ? "it" : "them"), and still in the circle: \(list). Shut out what is "
                        + "not yours: attune devices revoke NAME")
            }
            let needsWords = try workspace.needsConfirmation(toRevoke: found)
            // Who types the words has been asked enough.
            let isAsked = needsWords && global.canAsk && second.isTyped
            if isAsked {
                console.note("Two devices at once, or the last other one, are shut out with the recovery words too.")
            }
            guard
                try isAsked
                    || global.agrees(
                        second.writeConfirmation == nil
                            ? "Revoke \(names)?" : "Agree that another device revokes \(names)?",
                        to: "revoking")
            else {
                return
            }
            if let file = second.writeConfirmation {
                try workspace.confirm(.revocation(of: found.map(\.id)), to: file)
                let path = ShellWord.quoted(file)
                let words = found.map { $0.isPaper ? "\"\($0.name)\"" : $0.fingerprint }.joined(separator: " ")
                if found.contains(where: \.isPaper), found.count == 1 {
                    return try global.done(
                        "agreed; for new words, on the other device: attune key show --new-recovery --confirmation \(path)"
                    )
                }
                return try global.done(
                    "agreed; on the other device: attune devices revoke \(words) --confirmation \(path)")
            }
            let confirmation = try needsWords ? second.read(global) : nil
            let (obstacle, isPublished) = try Waiting.run {
                try await workspace.revoke(found, confirmation: confirmation, countingUpTo: cutOff)
            }
            if let obstacle {
                console.note(
                    "What \(names) published last may not be here, and does not count then: \(obstacle.message).")
            }
            try global.done(
                "revoked: \(names). A new key is in use"
                    + (isPublished ? "." : "; the relay and the other devices learn of it at the next attune sync now.")
            )
        }

        /// Who a device is, beyond what it calls itself.
        private static func description(of device: DeviceListing) -> String {
            var parts = [device.fingerprint]
            if device.hasNickname { parts.append("calls itself \(device.ownName)") }
            if let added = device.added { parts.append("first seen here \(Format.ago(added))") }
            if let sponsor = device.addedBy { parts.append("brought in by \(sponsor)") }
            if let former = device.formerNames.first {
                let time = device.renamed.map { ", renamed itself \(Format.ago($0))" } ?? ""
                parts.append("was \(former) before\(time)")
            }
            return "  \(device.name): " + parts.joined(separator: "; ")
        }

        private var cutOff: DeviceCutOff {
            get throws {
                guard after != nil || since != nil else { return .newest }
                guard devices.count == 1, after == nil || since == nil else {
                    throw ValidationError("--after and --since are for one device, one of them at a time")
                }
                if let after { return .entry(after) }
                guard let since, let moment = try? Date(since, strategy: .iso8601) else {
                    throw ValidationError("a time is written as 2026-11-29T22:00:00Z")
                }
                return .moment(moment)
            }
        }
    }
}
