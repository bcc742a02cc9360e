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
        let host = PairingSession.Host(
            chain: try DeviceChain(genesis: genesis.link), record: PairingMaterial.record(material.oldKeys),
            name: "loft", show: { _ in Issue.record("words were shown") },
            confirm: { _ in Issue.record("a person was asked") },
            admit: { _ in
                Issue.record("a device was let in")
                throw PairingError.refused
            })
        await #expect(throws: PairingError.expired) {
            _ = try await PairingSession(mailbox: mailbox, deadline: .now + .seconds(1))
                .admit(code: code, authority: nil, host: host)
        }
        // Who comes after the time, with the right code, finds nobody.
        let late = RelayMailbox(client: client, address: relay.address, nameplate: code.nameplate, side: .new)
        let guest = PairingSession.Guest(
            record: PairingMaterial.record(material.newKeys), name: "desk",
            confirm: { _, _ in Issue.record("a person was asked") },
            counterSign: { material.newKeys.counterSignature(joining: $0, after: $1) },
            fetchLinks: { _, _ in [] }, keep: { _, _, _ in Issue.record("a circle was kept") })
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
        let guest = PairingSession.Guest(
            record: PairingMaterial.record(material.newKeys), name: "desk", confirm: { _, _ in },
            counterSign: { material.newKeys.counterSignature(joining: $0, after: $1) },
            fetchLinks: { _, _ in [] }, keep: { _, _, _ in Issue.record("a circle was kept") })
        await #expect(throws: PairingError.expired) {
            _ = try await PairingSession(mailbox: own, deadline: .now + .seconds(1))
                .join(code: code, authority: nil, guest: guest)
        }
        try await client.shutdown()
    }
}
