// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import AttuneWire
import Testing

@testable import AttuneSync

/// A pairing code is good for a while and no longer, over a real relay.
@Suite struct PairingExpiryTests {
    @Test func aCodeThatNobodyUsedInTimeIsSpentForBothSides() async throws {
        let relay = try RelayProcess()
        let client = HTTPTransport.makeClient()
        let material = try PairingMaterial()
        let mailbox = try await RelayMailbox.open(client: client, address: relay.address)
        let code = try PairingCode(nameplate: mailbox.nameplate)
        let genesis = try LinkWriter.genesis(keys: material.oldKeys, name: "loft", paper: nil)
        let host = LoneHost(chain: try DeviceChain(genesis: genesis.link), keys: material.oldKeys)
        await #expect(throws: PairingError.expired) {
            _ = try await PairingSession(mailbox: mailbox, deadline: .now + .seconds(1))
                .admit(code: code, authority: nil, host: host)
        }
        // Who comes after the time, with the right code, finds nobody.
        let late = RelayMailbox(client: client, address: relay.address, nameplate: code.nameplate, side: .new)
        let guest = LoneGuest(keys: material.newKeys)
        await #expect(throws: PairingError.noMailbox) {
            _ = try await PairingSession(mailbox: late).join(code: code, authority: nil, guest: guest)
        }
        try await client.shutdown()
    }

    @Test func aSideThatGetsNoAnswerGivesUpAtTheEndOfTheCode() async throws {
        let relay = try RelayProcess()
        let client = HTTPTransport.makeClient()
        let material = try PairingMaterial()
        // The other side opened the mailbox and was never seen again.
        let mailbox = try await RelayMailbox.open(client: client, address: relay.address)
        let code = try PairingCode(nameplate: mailbox.nameplate)
        let own = RelayMailbox(client: client, address: relay.address, nameplate: code.nameplate, side: .new)
        let guest = LoneGuest(keys: material.newKeys)
        await #expect(throws: PairingError.expired) {
            _ = try await PairingSession(mailbox: own, deadline: .now + .seconds(1))
                .join(code: code, authority: nil, guest: guest)
        }
        try await client.shutdown()
    }
}

/// A device that waits for one that never comes: nothing is to be shown, asked or changed.
private struct LoneHost: PairingHost {
    let chain: DeviceChain
    let keys: DeviceKeys
    let name = "loft"

    var record: ProtoDeviceRecord { PairingMaterial.record(keys) }

    func show(_ words: [String]) { Issue.record("words were shown") }

    func confirm(_ answer: ProtoPairingAnswer) { Issue.record("a person was asked") }

    func admit(_ answer: ProtoPairingAnswer) throws -> PairingWelcome {
        Issue.record("a device was let in")
        throw PairingError.refused
    }
}

/// A device that joins nobody.
private struct LoneGuest: PairingGuest {
    let keys: DeviceKeys
    let name = "desk"

    func confirm(_ words: [String], _ offer: ProtoPairingOffer) { Issue.record("a person was asked") }

    func links(of circle: CircleID) throws -> [[UInt8]] {
        Issue.record("links were asked for")
        return []
    }

    func keep(_ chain: DeviceChain, _ links: [[UInt8]], _ welcome: ProtoPairingWelcome) {
        Issue.record("a circle was kept")
    }
}
