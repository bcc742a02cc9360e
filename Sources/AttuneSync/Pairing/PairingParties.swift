// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneWire

/// The old side of pairing: a device that lets another one into its circle.
package protocol PairingHost: Sendable {
    /// The circle as it is now.
    var chain: DeviceChain { get }
    var record: ProtoDeviceRecord { get }
    var name: String { get }

    /// Shows the words that both screens must show.
    func show(_ words: [String]) async throws

    /// Asks a person whether the device may join.
    ///
    /// - Throws: `PairingError.refused` if not.
    func confirm(_ answer: ProtoPairingAnswer) async throws

    /// Takes the device into the circle: makes, publishes and keeps the links.
    func admit(_ answer: ProtoPairingAnswer) async throws -> PairingWelcome
}

/// What the new device is told once it is in.
package struct PairingWelcome: Sendable {
    package let links: [ProtoSignedLink]
    package let relay: String?
    package let bases: [ProtoPairingWelcome.BaseHint]

    package init(links: [ProtoSignedLink], relay: String?, bases: [ProtoPairingWelcome.BaseHint]) {
        self.links = links
        self.relay = relay
        self.bases = bases
    }
}

/// The new side of pairing: a device that joins the circle of another one.
package protocol PairingGuest: Sendable {
    /// What it will be in the circle; they sign that it joins right after the offered link.
    var keys: DeviceKeys { get }
    var name: String { get }

    /// Shows the words that both screens must show, and asks whether they are the same.
    ///
    /// - Throws: `PairingError.refused` if they are not.
    func confirm(_ words: [String], _ offer: ProtoPairingOffer) async throws

    /// Fetches the links where they do not fit a message.
    func links(of circle: CircleID) async throws -> [[UInt8]]

    /// Keeps the verified circle.
    func keep(_ chain: DeviceChain, _ links: [[UInt8]], _ welcome: ProtoPairingWelcome) async throws
}
