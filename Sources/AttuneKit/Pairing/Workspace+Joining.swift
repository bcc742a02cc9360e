// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire
import Foundation

extension Workspace {
    /// Passes for a text that can be the code that another device shows.
    ///
    /// - Throws: `CryptoError` E-CODE-001, E-CODE-002.
    package static func checkCode(_ text: String) throws { _ = try PairingCode(parsing: text) }

    /// The machine's name without its domain, as far as a device can be called so.
    package static var machineName: String {
        let name = String(ProcessInfo.processInfo.hostName.prefix { $0 != "." }.prefix(32))
        return EpochKey.isName(name) ? name : "device"
    }

    /// What this device is called in the circle that it is in, or was shut out of; nil if it is in none, or the name does
    /// not open.
    package func ownName() throws -> String? {
        guard let circle = try DeviceCircle.open(vault), let own = circle.own else { return nil }
        return circle.keyring().name(of: own)
    }

    /// Joins the circle of the device that shows `code` at a relay.
    ///
    /// - Parameter code: as a person typed it.
    /// - Throws: `PairingError`, `KitError` E-DEVICE-002, and as `checkCode`.
    package func joinCircle(
        code: String, relay: String?, ownName: String, dialogue: PairingDialogue
    ) async throws -> JoinedCircle {
        let code = try PairingCode(parsing: code)
        try await BlockingWork.run { [self] in try requireFree() }
        let address = try await relayAddress(
            relay, otherwise: "Give what the other device shows behind the code: --relay URL, or --direct HOST:PORT")
        return try await RemoteCircle.withClient { client in
            let authority = try await PairingMeeting.greet(address, client: client).authority
            let mailbox = RelayMailbox(client: client, address: address.base, nameplate: code.nameplate, side: .new)
            return try await join(
                code: code, mailbox: mailbox, authority: authority, keys: .generate(), address: address,
                client: client, ownName: ownName, dialogue: dialogue, peerKey: nil)
        }
    }

    /// Joins the circle of a device that waits on the local network.
    package func joinCircle(
        code: String, host: String, port: Int, ownName: String, dialogue: PairingDialogue
    ) async throws -> JoinedCircle {
        let code = try PairingCode(parsing: code)
        try await BlockingWork.run { [self] in try requireFree() }
        let keys = try DeviceKeys.generate()
        guard let tls = try keys.tlsIdentity() else { throw CircleError.damagedCircle }
        let identity = try DirectIdentity(tls)
        // Which device this is shows when its record arrives, sealed; its key must then be the one seen here.
        let certificate = try await DirectPeer.certificate(host: host, port: port, identity: identity) { _ in true }
        let shown = host.contains(":") ? "[\(host)]" : host
        guard let address = RemoteAddress("https://\(shown):\(port)") else { throw KitError.notAnAddress(host) }
        return try await RemoteCircle.withClient(HTTPTransport.makeClient(tls: identity.client(trusting: certificate)))
        {
            client in
            let mailbox = RelayMailbox(client: client, address: address.base, nameplate: code.nameplate, side: .new)
            return try await join(
                code: code, mailbox: mailbox, authority: nil, keys: keys, address: address, client: client,
                ownName: ownName, dialogue: dialogue, peerKey: DirectIdentity.keyHash(of: certificate))
        }
    }

    private func join(
        code: PairingCode, mailbox: any Mailbox, authority: String?, keys: DeviceKeys, address: RemoteAddress,
        client: HTTPClient, ownName: String, dialogue: PairingDialogue, peerKey: Digest256?
    ) async throws -> JoinedCircle {
        vault.yieldLock()
        let guest = Guest(
            workspace: self, keys: keys, name: ownName, address: address, isRelay: authority != nil, client: client,
            dialogue: dialogue, peerKey: peerKey)
        let chain = try await PairingSession(mailbox: mailbox).join(code: code, authority: authority, guest: guest)
        let (id, hints) = await (guest.sponsor, guest.bases)
        return try await BlockingWork.run { [self] in
            let here = Set(try bases.list().map(\.id))
            return JoinedCircle(
                circle: chain.circle.description,
                sponsor: try devices().first { $0.id == id }?.label ?? id?.fingerprint ?? "",
                devices: chain.active.count,
                relay: try syncSettings().relay,
                missingBases: hints.filter { hint in BaseID(hint.digest).map { !here.contains($0) } ?? false }
                    .map { $0.name.isEmpty ? "without a name" : $0.name })
        }
    }

    /// This device as it comes into a circle, with what the other one said of itself.
    private actor Guest: PairingGuest {
        private let workspace: Workspace
        let keys: DeviceKeys
        let name: String
        /// Of the relay, or else of the other device.
        private let address: RemoteAddress
        private let isRelay: Bool
        private let client: HTTPClient
        private let dialogue: PairingDialogue
        /// The hash of the key that the other device showed when it was connected to directly.
        private let peerKey: Digest256?
        private(set) var sponsor: DeviceID?
        private(set) var bases: [ProtoPairingWelcome.BaseHint] = []

        init(
            workspace: Workspace, keys: DeviceKeys, name: String, address: RemoteAddress, isRelay: Bool,
            client: HTTPClient, dialogue: PairingDialogue, peerKey: Digest256?
        ) {
            self.workspace = workspace
            self.keys = keys
            self.name = name
            self.address = address
            self.isRelay = isRelay
            self.client = client
            self.dialogue = dialogue
            self.peerKey = peerKey
        }

        func confirm(_ words: [String], _ offer: ProtoPairingOffer) async throws {
            if let peerKey, Digest256(offer.device.tlsKeyHash) != peerKey {
                throw PairingError.badCircle("its key is not that of the device that was connected to")
            }
            guard EpochKey.isName(offer.deviceName) else {
                throw PairingError.badMessage("the other device has a name that cannot be shown")
            }
            sponsor = DeviceID(offer.device)
            try await dialogue.showWords(words)
            guard try await dialogue.confirm(offer.deviceName) else { throw PairingError.refused }
        }

        func links(of circle: CircleID) async throws -> [[UInt8]] {
            let keys = keys
            return try await HTTPTransport(
                client: client, address: address, circle: circle, device: keys.deviceID, sign: { keys.sign($0) }
            ).allLinks()
        }

        func keep(_ chain: DeviceChain, _ links: [[UInt8]], _ welcome: ProtoPairingWelcome) async throws {
            let relay = isRelay ? address.base : RemoteAddress(welcome.relay)?.base
            bases = welcome.bases
            try await BlockingWork.run { [workspace, keys] in
                try workspace.requireFree()
                try workspace.enter(
                    circle: chain.circle, keys: keys, links: links.map { try Link(parsing: $0) }, leavesPresent: true)
                try workspace.updateSyncSettings { ($0.relay, $0.linksTold) = (relay, chain.seq) }
            }
        }
    }

    /// Passes where the store may enter a circle: it is in none, alone in its own, or shut out of it.
    ///
    /// - Throws: `KitError` E-DEVICE-002.
    package func requireFree() throws {
        guard let circle = try DeviceCircle.open(vault) else { return }
        guard circle.isAlone || circle.own?.isActive != true else { throw KitError.inOtherCircle }
    }
}
