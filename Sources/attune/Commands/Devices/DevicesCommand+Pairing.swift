// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit
import Foundation

extension DevicesCommand {
    struct Add: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a code with which another device joins.",
            discussion: """
                The code is good for ten minutes and for one guess. With --listen the other device connects to this one, \
                without a relay. While this device is alone a relay hears nothing of it but that two devices meet: \
                adapters are sent once another one has joined.
                """)
        @Option(help: "Address of the relay, such as https://relay.example; kept once a device has joined.")
        var relay: String?
        @Option(help: "A file with an invite token, for a relay that asks for one; - for standard input.")
        var inviteFile: String?
        @Option(help: .hidden) var invite: String?
        @Option(help: "Wait on this address of the local network instead: HOST:PORT.") var listen: NetworkAddress?
        @Option(help: "The name of this device, if its circle begins now; the machine's name by default.")
        var name: String?
        @Flag(help: "Do not draw a QR symbol.") var noQr = false
        @OptionGroup var global: GlobalOptions

        func validate() throws {
            guard invite == nil else {
                throw ValidationError(
                    "every user of this machine can read a command's arguments: put the invite token into a file, "
                        + "--invite-file FILE")
            }
        }

        func execute() throws {
            let invite = try inviteFile.map { try PairingCodeSource.line(ofFile: $0) }
            let workspace = try global.open(.writing)
            let console = PairingConsole(global: global, joins: false, drawsSymbol: !noQr, listen: listen)
            if let name, let own = try workspace.devices().first(where: \.isThis), own.name != name {
                global.console.note(
                    "this device is called \(own.name) in its circle: attune devices rename \(own.fingerprint) \(name)")
            }
            let name = name ?? Workspace.machineName
            let added: DeviceListing
            if let listen {
                added = try Waiting.run {
                    try await workspace.addDevice(
                        at: listen.host, port: listen.port, through: LocalService.standard, ownName: name
                    ) { console.dialogue(port: $0) }
                }
            } else {
                let relay = relay
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
            abstract: "Join the circle of another device with the code that it shows.",
            discussion: """
                The code is asked for, or read from --code-file or --code-fd: what stands in a command's arguments can be \
                read by every user of the machine.
                """)
        @OptionGroup var joining: JoinOptions
        @Argument(help: .hidden) var code: String?
        @OptionGroup var global: GlobalOptions

        func validate() throws { if code != nil { throw PairingCodeSource.inArguments("attune devices join") } }

        func execute() throws {
            let workspace = try global.open(.writing)
            try workspace.requireFree()
            try joining.join(workspace, code: joining.code.read(global), global: global)
        }
    }
}

/// Where a code comes from; never from the arguments.
struct PairingCodeSource: ParsableArguments {
    @Option(help: "A file with the code; - for standard input. It is asked for when absent.") var codeFile: String?
    @Option(help: "An open descriptor to read the code from.") var codeFd: Int32?

    func validate() throws {
        guard codeFile == nil || codeFd == nil else { throw ValidationError("give one of --code-file and --code-fd") }
    }

    /// The code, as far as it is one.
    ///
    /// - Throws: `CryptoError` E-CODE-001 and E-CODE-002; `ValidationError` where nobody can be asked.
    func read(_ global: GlobalOptions) throws -> String {
        let code = try text(global)
        try Workspace.checkCode(code)
        return code
    }

    private func text(_ global: GlobalOptions) throws -> String {
        if let codeFile { return try Self.line(ofFile: codeFile) }
        if let codeFd { return try SecretSource.line(ofDescriptor: codeFd) }
        guard global.canPrompt else {
            throw ValidationError(
                "give the code that the other device shows: --code-file FILE, or - for standard input")
        }
        return (try global.console.answer(to: "Code: ") ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// What stands in a file, or comes from standard input for `-`, without the end of the line.
    static func line(ofFile path: String) throws -> String {
        guard let line = try SecretSource.line(ofFile: path) else {
            throw ValidationError("there is nothing in \(path == "-" ? "standard input" : path)")
        }
        return line
    }

    /// Refuses a code that was typed as an argument: whoever reads it may be faster than this device.
    static func inArguments(_ command: String) -> ValidationError {
        ValidationError(
            "every user of this machine can read a command's arguments: let the other device show a new code, and type "
                + "it when \(command) asks for it, or give --code-file")
    }
}

/// How a device finds the one that shows the code.
struct JoinOptions: ParsableArguments {
    @Option(help: "Address of the relay, such as https://relay.example.") var relay: String?
    @Option(help: "Connect to a device that waits with attune devices add --listen: HOST:PORT.")
    var direct: NetworkAddress?
    @OptionGroup var code: PairingCodeSource
    @Option(
        help: """
            The name that this device gets in the circle; by default the one that it had in a circle before, or else the \
            machine's name.
            """)
    var name: String?

    func validate() throws {
        guard relay == nil || direct == nil else { throw ValidationError("give one of --relay and --direct") }
    }

    /// Joins and says so.
    func join(_ workspace: Workspace, code: String, global: GlobalOptions) throws {
        let console = PairingConsole(global: global, joins: true, drawsSymbol: false, listen: nil)
        let (name, relay, direct) = (try name ?? workspace.ownName() ?? Workspace.machineName, relay, direct)
        let joined = try Waiting.run {
            let dialogue = console.dialogue(port: nil)
            if let direct {
                return try await workspace.joinCircle(
                    code: code, host: direct.host, port: direct.port, ownName: name, dialogue: dialogue)
            }
            return try await workspace.joinCircle(code: code, relay: relay, ownName: name, dialogue: dialogue)
        }
        try console.joined(joined)
    }
}
