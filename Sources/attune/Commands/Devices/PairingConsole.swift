// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneKit
import Foundation

/// What pairing shows on the terminal and asks there.
struct PairingConsole: Sendable {
    private let console: Console
    private let json: Bool
    private let asks: Bool
    private let decides: Bool
    /// Whether this device is the new one, whose person answers first.
    private let joins: Bool
    private let draws: Bool
    private let listen: NetworkAddress?

    init(global: GlobalOptions, joins: Bool, drawsSymbol: Bool, listen: NetworkAddress?) {
        console = global.console
        json = global.json
        asks = global.canAsk
        decides = global.yes
        self.joins = joins
        draws = drawsSymbol && !global.json && isatty(STDOUT_FILENO) == 1
        self.listen = listen
    }

    /// - Parameter port: where this device listens, if it does.
    func dialogue(port: Int?) -> PairingDialogue {
        PairingDialogue(
            showCode: { shown in try await Waiting.offPool { try show(shown, port: port) } },
            showWords: { words in
                try await Waiting.offPool {
                    if json { return try console.print(Words(words: words)) }
                    console.say("Both screens must show:  \(words.joined(separator: "  "))")
                }
            },
            confirm: { name in
                try await Waiting.offPool {
                    if decides { return true }
                    guard asks else {
                        console.note("nobody can be asked here whether the words are the same: add --yes")
                        return false
                    }
                    let isSame = try console.confirm("Same on the other screen (\(name))?", standard: false)
                    if isSame && joins { console.progress("waiting for the answer on \(name)") }
                    return isSame
                }
            })
    }

    private func show(_ shown: PairingDialogue.ShownCode, port: Int?) throws {
        let address = port.flatMap { port in listen.map { $0.text(port: port) } }
        if json {
            return try console.print(
                Code(code: shown.code, relay: shown.relay, listen: address, expiresIn: shown.seconds))
        }
        let place = shown.relay.map { "--relay \($0)" } ?? address.map { "--direct \($0)" } ?? ""
        if draws, let symbol = QRCode("attune:\(shown.code)@\(shown.relay ?? address ?? "")") {
            console.print("Scan this, or type the code below it:")
            for line in symbol.lines() { console.print("  " + line) }
        }
        // Last, so that no symbol moves it out of a small window.
        console.print("One-time code (\(shown.seconds / 60) min, one try):")
        console.print("    \(console.bold(shown.code))")
        // Not with the code inside: every user of the other machine could read it among the arguments.
        console.print("On the other device:  attune devices join \(place)")
        console.print("or on a new one:      attune init --join \(place)")
        console.print("and type the code there when it is asked for.")
    }

    func paired(_ device: DeviceListing) throws {
        if json { return try console.print(Paired(paired: device)) }
        console.say(
            "Paired with \(device.name) (fp \(device.fingerprint)).  Undo: attune devices revoke \(device.fingerprint)")
    }

    func joined(_ circle: JoinedCircle) throws {
        for base in circle.missingBases { console.note("base \(base) is not here yet: attune base add FILE") }
        if json { return try console.print(Joined(joined: circle)) }
        console.print(console.addressed("Paired with \(circle.sponsor).  Next:  attune sync now"))
    }

    private struct Code: Encodable {
        let schema = 1
        let code: String
        let relay: String?
        let listen: String?
        let expiresIn: Int
    }

    private struct Words: Encodable {
        let words: [String]
    }

    private struct Paired: Encodable {
        let paired: DeviceListing
    }

    private struct Joined: Encodable {
        let joined: JoinedCircle
    }
}
