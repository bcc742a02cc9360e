// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneCrypto
import AttuneKit
import AttuneRelay
import AttuneService
import AttuneSync
import AttuneVault
import Foundation

extension DevicesCommand {
    struct Add: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a code with which another device joins.",
            discussion: """
                The code is good for ten minutes and for one guess. With --listen the other device connects to this one, \
                without a relay.
                """)
        @Option(help: "Address of the relay, such as https://relay.example; kept after the first use.")
        var relay: String?
        @Option(help: "An invite token, for a relay that asks for one.") var invite: String?
        @Option(help: "Wait on this address of the local network instead: HOST:PORT.") var listen: NetworkAddress?
        @Option(help: "The name of this device, if its circle begins now; the machine's name by default.")
        var name: String?
        @Flag(help: "Do not draw a QR symbol.") var noQr = false
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let workspace = try global.open(.writing)
            let console = PairingConsole(global: global, joins: false, drawsSymbol: !noQr, listen: listen)
            if let name, let own = try workspace.devices().first(where: \.isThis), own.name != name {
                global.console.note(
                    "this device is called \(own.name) in its circle: attune devices rename \(own.fingerprint) \(name)")
            }
            let name = name ?? PairingConsole.machineName
            let added: DeviceListing
            if let listen {
                added = try Waiting.run {
                    let mailboxes = LocalMailboxes()
                    // The identity that the server shows is made here, where it is not there yet.
                    try await workspace.prepareCircle(ownName: name)
                    let server = try await DirectServer.start(
                        workspace, host: listen.host, port: listen.port, admitsStrangers: true, mailboxes: mailboxes)
                    do {
                        let mailbox = try await LocalMailbox(mailboxes)
                        let meeting = PairingMeeting(
                            mailbox: mailbox, nameplate: mailbox.nameplate, authority: nil, relay: nil)
                        let added = try await workspace.addDevice(
                            at: meeting, ownName: name, dialogue: console.dialogue(port: server.port))
                        await server.stop()
                        return added
                    } catch {
                        // The other device still has to read that the code is spent.
                        await mailboxes.untilParted()
                        await server.stop()
                        throw error
                    }
                }
            } else {
                let (relay, invite) = (relay, invite)
                added = try Waiting.run {
                    try await workspace.addDevice(
                        relay: relay, invite: invite, ownName: name, dialogue: console.dialogue(port: nil))
                }
            }
            try console.paired(added)
        }
    }

    struct Join: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Join the circle of another device with the code that it shows.")
        @OptionGroup var joining: JoinOptions
        @Argument(help: "The code; asked for when absent.") var code: String?
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let workspace = try global.open(.writing)
            try joining.join(workspace, code: code, global: global)
        }
    }
}

/// How a device finds the one that shows the code.
struct JoinOptions: ParsableArguments {
    @Option(help: "Address of the relay, such as https://relay.example.") var relay: String?
    @Option(help: "Connect to a device that waits with attune devices add --listen: HOST:PORT.")
    var direct: NetworkAddress?
    @Option(help: "The name that this device gets in the circle; the machine's name by default.")
    var name: String?

    func validate() throws {
        guard relay == nil || direct == nil else { throw ValidationError("give one of --relay and --direct") }
    }

    /// Joins and says so.
    func join(_ workspace: Workspace, code typed: String?, global: GlobalOptions) throws {
        var text = typed
        if text == nil, global.canAsk {
            global.console.ask("Code: ", terminator: "")
            text = readLine()
        }
        guard let text else { throw ValidationError("give the code that the other device shows") }
        let console = PairingConsole(global: global, joins: true, drawsSymbol: false, listen: nil)
        let (name, relay, direct) = (name ?? PairingConsole.machineName, relay, direct)
        let joined = try Waiting.run {
            let dialogue = console.dialogue(port: nil)
            if let direct {
                return try await workspace.joinCircle(
                    code: text, host: direct.host, port: direct.port, ownName: name, dialogue: dialogue)
            }
            return try await workspace.joinCircle(code: text, relay: relay, ownName: name, dialogue: dialogue)
        }
        try console.joined(joined)
    }
}
