// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneVault
import AttuneWire
import Foundation

/// What this store calls other devices. A device names itself in the circle; these names are not sent anywhere.
package struct DeviceNicknames: Sendable {
    private var names: [String: String] = [:]

    /// What the store has; empty if it has nothing that can be read.
    package init(_ vault: Vault) throws {
        guard let text = try vault.circle.nicknames() else { return }
        names = (try? JSONDecoder().decode([String: String].self, from: Data(text.utf8))) ?? [:]
    }

    package subscript(device: DeviceID) -> String? { names[device.description] }

    /// Calls a device `name` here, be it its own.
    package static func set(_ name: String, of device: DeviceID, in vault: Vault) throws {
        var nicknames = try DeviceNicknames(vault)
        nicknames.names[device.description] = name
        try vault.circle.setNicknames(String(decoding: try JSONEncoder().encode(nicknames.names), as: UTF8.self))
    }
}
