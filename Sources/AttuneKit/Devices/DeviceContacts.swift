// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneVault
import AttuneWire
import Foundation

/// When and how this device last heard of the others: for display only, since it goes by this machine's clock.
package struct DeviceContacts: Sendable, Codable {
    /// How something of a device came here.
    package enum Route: String, Sendable, Codable {
        case relay, direct
    }

    package struct Contact: Sendable, Codable, Equatable {
        package let time: Date
        package let route: Route
    }

    private var devices: [String: Contact] = [:]

    /// What the store has; empty if it has nothing that can be read.
    package init(_ vault: Vault) throws {
        guard let text = try vault.circle.contacts() else { return }
        self = (try? JSONDecoder().decode(Self.self, from: Data(text.utf8))) ?? self
    }

    package subscript(device: DeviceID) -> Contact? { devices[device.description] }

    /// Notes that something of these devices came here now.
    package static func note(_ heard: Set<DeviceID>, by route: Route, in vault: Vault) throws {
        guard !heard.isEmpty else { return }
        var contacts = try DeviceContacts(vault)
        for device in heard { contacts.devices[device.description] = Contact(time: Date(), route: route) }
        try vault.circle.setContacts(String(decoding: try JSONEncoder().encode(contacts), as: UTF8.self))
    }
}
