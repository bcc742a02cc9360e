// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire

extension Workspace {
    /// The devices of the circle, this one first, then by name; empty where there is no circle.
    package func devices() throws -> [DeviceListing] {
        guard let circle = try DeviceCircle.open(vault) else { return [] }
        return try listings(of: circle)
    }

    func listings(of circle: DeviceCircle) throws -> [DeviceListing] {
        let keyring = try? circle.keyring()
        let heads = try vault.entryHeads()
        let contacts = try DeviceContacts(vault)
        return circle.chain.devices.values.map { device in
            let contact = device.id == circle.device ? nil : contacts[device.id]
            return DeviceListing(
                id: device.id.description, name: circle.name(of: device, keyring: keyring),
                fingerprint: device.id.fingerprint, isThis: device.id == circle.device, isPaper: device.isPaper,
                state: device.isActive ? .active : .revoked, entries: heads[device.id.bytes]?.seq ?? 0,
                lastSeen: contact?.time, route: contact?.route)
        }.sorted { left, right in
            if left.isThis != right.isThis { return left.isThis }
            if left.isPaper != right.isPaper { return right.isPaper }
            return (left.name, left.id) < (right.name, right.id)
        }
    }

    /// The active device with this name, fingerprint or id.
    ///
    /// - Throws: `KitError` E-DEVICE-001, E-DEVICE-003, E-DEVICE-004.
    package func device(named name: String) throws -> DeviceListing {
        let all = try devices()
        guard !all.isEmpty else { throw KitError.noCircle }
        let active = all.filter { $0.state == .active }
        let wanted = name.lowercased()
        let found = active.filter { $0.id == wanted || $0.fingerprint.lowercased() == wanted }
        if let only = found.first, found.count == 1 { return only }
        let named = active.filter { $0.name == name }
        guard let first = named.first else { throw KitError.noDevice(name) }
        guard named.count == 1 else { throw KitError.severalDevices(name) }
        return first
    }
}
