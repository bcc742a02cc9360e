// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire
import Foundation
import SwiftProtobuf

extension Workspace {
    /// Lets another device into the circle over a relay, beginning a circle where there is none.
    ///
    /// While this device is alone the relay hears nothing of the circle: it is brought there once somebody has joined.
    ///
    /// - Parameters:
    ///   - relay: nil for the one that the circle uses.
    ///   - invite: for a relay that asks for a token before it takes a circle.
    ///   - ownName: of this device, where the circle begins here.
    /// - Throws: `PairingError`, `KitError`, `SyncError` E-SYNC-014 if no relay is known.
    package func addDevice(
        relay: String?, invite: String?, ownName: String, dialogue: PairingDialogue
    ) async throws -> DeviceListing {
        let address = try await relayAddress(
            relay,
            otherwise: "Name one: attune devices add --relay URL; or do without: attune devices add --listen HOST:PORT")
        return try await RemoteCircle.withClient { client in
            var circle = try await BlockingWork.run { [self] in try beginCircle(named: ownName, paper: nil) }
            let isAlone = circle.isAlone
            let home = Home(remote: RemoteCircle(vault: vault, address: address, client: client), invite: invite)
            let greeting = try await PairingMeeting.greet(address, client: client)
            if !isAlone {
                circle = try await home.remote.reconcile(invite: invite)
                try await keep(relay: home)
            } else if greeting.asksForInvite, invite == nil {
                // Said before a code is spent; a relay that has the circle already does not ask.
                let isKnown = try await BlockingWork.run { [self] in try syncSettings().relay == address.base }
                guard isKnown else { throw KitError.remote(.forbidden, address.base) }
            }
            // A relay that has the circle keeps places for its devices, which strangers cannot take.
            let mailbox = try await RelayMailbox.open(
                client: client, address: address.base, as: isAlone ? nil : home.remote.transport(circle))
            return try await admit(
                PairingMeeting(
                    mailbox: mailbox, nameplate: mailbox.nameplate, authority: greeting.authority,
                    relay: address.base),
                home: home, dialogue: dialogue)
        }
    }

    /// The relay that a circle is brought to.
    private struct Home: Sendable {
        let remote: RemoteCircle
        let invite: String?
    }

    private func keep(relay home: Home) async throws {
        try await BlockingWork.run { [self] in try updateSyncSettings { $0.relay = home.remote.address.base } }
    }

    /// Lets another device into the circle that meets this one on the local network.
    package func addDevice(
        at meeting: PairingMeeting, ownName: String, dialogue: PairingDialogue
    ) async throws -> DeviceListing {
        _ = try await BlockingWork.run { [self] in try beginCircle(named: ownName, paper: nil) }
        return try await admit(meeting, home: nil, dialogue: dialogue)
    }

    private func admit(
        _ meeting: PairingMeeting, home: Home?, dialogue: PairingDialogue
    ) async throws -> DeviceListing {
        let code = try PairingCode(nameplate: meeting.nameplate)
        let (circle, name, members) = try await BlockingWork.run { [self] in
            let circle = try DeviceCircle.require(vault)
            _ = try circle.writer()
            let keyring = circle.keyring()
            let members = try listings(of: circle).filter { $0.state == .active }
            // The other device may take minutes; meanwhile another command may write.
            vault.yieldLock()
            return (circle, circle.own.map { circle.name(of: $0, keyring: keyring) } ?? "", members)
        }
        let session = PairingSession(mailbox: meeting.mailbox)
        do {
            try await dialogue.showCode(
                PairingDialogue.ShownCode(
                    code: code.description, relay: meeting.relay,
                    seconds: Int(PairingSession.lifetime.components.seconds)))
        } catch {
            await meeting.mailbox.burn()
            throw error
        }
        let answer = try await session.admit(
            code: code, authority: meeting.authority,
            host: Host(
                workspace: self, circle: circle, name: name, members: members, home: home, relay: meeting.relay,
                dialogue: dialogue))
        let id = DeviceID(answer.device).description
        return try await BlockingWork.run { [self] in try device(named: id) }
    }

    /// This device as it lets another one in.
    private struct Host: PairingHost {
        let workspace: Workspace
        let circle: DeviceCircle
        let name: String
        /// The active devices.
        let members: [DeviceListing]
        let home: Home?
        /// The address that the new device is told.
        let relay: String?
        let dialogue: PairingDialogue

        var chain: DeviceChain { circle.chain }
        var record: ProtoDeviceRecord { circle.keys.publicKeys.record }

        func show(_ words: [String]) async throws { try await dialogue.showWords(words) }

        func confirm(_ answer: ProtoPairingAnswer) async throws {
            guard EpochKey.isName(answer.deviceName) else {
                throw PairingError.badMessage("the other device has a name that cannot be shown")
            }
            let isTaken = members.contains { $0.looksLike(answer.deviceName) }
            let shown = isTaken ? "\(answer.deviceName), which is new here" : answer.deviceName
            guard try await dialogue.confirm(shown) else { throw PairingError.refused }
        }

        func admit(_ answer: ProtoPairingAnswer) async throws -> PairingWelcome {
            try await workspace.welcome(answer, into: circle, home: home, relay: relay)
        }
    }

    /// Makes, publishes and keeps the links by which a device comes in.
    private func welcome(
        _ answer: ProtoPairingAnswer, into circle: DeviceCircle, home: Home?, relay: String?
    ) async throws -> PairingWelcome {
        let links = try await BlockingWork.run {
            let keyring = circle.keyring()
            let add = try circle.writer().add(
                answer.device, name: circle.freeName(answer.deviceName, keyring: keyring),
                counterSignature: Array(answer.counterSignature), keyring: keyring)
            return try Self.withNewEpoch(add, circle: circle, keyring: keyring)
        }
        if let home {
            // From here on there is another device, and the relay is told of the circle.
            _ = try await home.remote.reconcile(invite: home.invite)
            guard try await home.remote.push(links, of: circle) else { throw KitError.circleMoved }
        }
        let welcome = try await BlockingWork.run { [self] in
            guard try DeviceCircle.require(vault).chain.head == circle.chain.head else { throw KitError.circleMoved }
            try CircleKeys(vault).keep(links, after: circle.chain)
            let all = try vault.circle.links(after: 0, limit: Int(WireLimits.links)).map {
                try Link(parsing: $0).signed
            }
            let hints = try basesInUse().map { base in
                ProtoPairingWelcome.BaseHint.with {
                    $0.digest = Data(base.id.bytes)
                    $0.name = base.name
                }
            }
            return PairingWelcome(links: all, relay: relay, bases: hints)
        }
        if let home { try await keep(relay: home) }
        return welcome
    }

    /// The bases that adapters here were trained on, with the name that this machine has for each.
    private func basesInUse() throws -> [(id: BaseID, name: String)] {
        let here = try bases.list()
        let ids = Set(try vault.adapters.all().map(\.base))
        return ids.sorted().map { id in (id, here.first { $0.id == id }?.name ?? id.short) }
    }

    /// - Parameter remedy: what to do where no relay is given, and none is known.
    func relayAddress(_ given: String?, otherwise remedy: String) async throws -> RemoteAddress {
        let known: String?
        if let given {
            known = given
        } else {
            known = try await BlockingWork.run { [self] in try syncSettings().relay }
        }
        guard let known else { throw SyncError.noRelay(remedy: remedy) }
        guard let address = RemoteAddress(known) else { throw KitError.notAnAddress(known) }
        return address
    }
}
