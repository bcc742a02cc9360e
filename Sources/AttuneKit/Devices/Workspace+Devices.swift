// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire

extension Workspace {
    /// The devices of the circle, this one first, then by name; empty if there is no circle.
    package func devices() throws -> [DeviceListing] {
        guard let circle = try DeviceCircle.open(vault) else { return [] }
        return try listings(of: circle)
    }

    /// This device as its circle has it.
    ///
    /// - Throws: `CircleError` E-DEVICE-001.
    package func ownDevice() throws -> DeviceListing {
        guard let own = try devices().first(where: \.isThis) else { throw CircleError.noCircle }
        return own
    }

    func listings(of circle: DeviceCircle) throws -> [DeviceListing] {
        let keyring = circle.keyring()
        let heads = try vault.entries.heads()
        let contacts = try DeviceContacts(vault)
        let nicknames = try DeviceNicknames(vault)
        let times = try vault.circle.linkTimes()
        func name(_ device: CircleDevice) -> String {
            // Until names were local, calling another device otherwise was a link.
            nicknames[device.id] ?? keyring.name(of: device, givenBy: circle.device)
                ?? circle.name(of: device, keyring: keyring)
        }
        let fingerprints = DeviceCircle.fingerprints(of: circle.chain.devices.keys)
        var all = circle.chain.devices.values.map { device in
            let contact = device.id == circle.device ? nil : contacts[device.id]
            return DeviceListing(
                id: device.id, name: name(device), ownName: circle.name(of: device, keyring: keyring),
                formerNames: keyring.formerNames(of: device),
                hasNickname: name(device) != circle.name(of: device, keyring: keyring),
                fingerprint: fingerprints[device.id] ?? device.id.description, isThis: device.id == circle.device,
                isPaper: device.isPaper,
                state: device.isActive ? .active : .revoked, added: times[device.addedAt], addedBy: nil,
                renamed: device.name.at > device.addedAt ? times[device.name.at] : nil,
                namedByOthers: device.givenNames.keys.contains { $0 != circle.device },
                entries: heads[device.id]?.seq ?? 0,
                lastReceived: contact?.time, route: contact?.route)
        }
        DeviceListing.tellApart(&all)
        let labels = Dictionary(all.map { ($0.id, $0.label) }, uniquingKeysWith: { first, _ in first })
        for index in all.indices {
            let sponsor = circle.chain.devices[all[index].id]?.sponsor
            all[index].addedBy = sponsor.flatMap { labels[$0] }
        }
        return all.sorted { left, right in
            if left.isThis != right.isThis { return left.isThis }
            if left.isPaper != right.isPaper { return right.isPaper }
            return (left.name, left.id) < (right.name, right.id)
        }
    }

    /// The active device with this name, fingerprint or id.
    ///
    /// - Throws: `CircleError` E-DEVICE-001; `KitError` E-DEVICE-003, E-DEVICE-004.
    package func device(named name: String) throws -> DeviceListing {
        let all = try devices()
        guard !all.isEmpty else { throw CircleError.noCircle }
        let active = all.filter { $0.state == .active }
        let wanted = name.lowercased()
        func isMeant(_ device: DeviceListing) -> Bool {
            device.id.description == wanted || device.fingerprint.lowercased() == wanted
        }
        let found = active.filter(isMeant)
        if let only = found.first, found.count == 1 { return only }
        let gone = all.filter { $0.state != .active && (isMeant($0) || $0.name == name || $0.ownName == name) }
        if let gone = gone.last, !active.contains(where: { $0.name == name || $0.ownName == name }) {
            throw KitError.isShutOut(gone)
        }
        return try Self.only(called: name, of: active)
    }

    /// The device with this name, unless another one has a name that looks the same.
    static func only(called name: String, of all: [DeviceListing]) throws -> DeviceListing {
        guard let found = all.first(where: { $0.name == name || $0.ownName == name }) else {
            throw KitError.noDevice(name)
        }
        let alike = all.filter { $0.id == found.id || $0.looksLike(name) }
        guard alike.count == 1 else { throw KitError.severalDevices(name, alike) }
        return found
    }

    /// The active devices that these words name: by name, fingerprint or id.
    ///
    /// - Parameter isCertain: whether only what says for sure which device is meant is taken, since nobody is asked.
    /// - Throws: as `device(named:)`; `KitError` E-DEVICE-016 for a name that another device may have taken on.
    package func devices(named names: [String], isCertain: Bool) throws -> [DeviceListing] {
        let all = try devices().filter { $0.state == .active }
        return try names.map { word in
            let found = try device(named: word)
            let isByName = ![found.id.description, found.fingerprint.lowercased()].contains(word.lowercased())
            guard !isCertain || !isByName || !found.isNameInDoubt(among: all) else {
                throw KitError.nameInDoubt(found)
            }
            return found
        }
    }

    /// Gives this device another name in the circle, or another one a name that only this store knows.
    ///
    /// - Returns: the device, and whether the name is for this store alone.
    /// - Throws: `CircleError` E-DEVICE-001, E-DEVICE-010; `KitError` E-DEVICE-003, E-DEVICE-004, E-DEVICE-015;
    ///   `CryptoError` E-KEY-044.
    package func renameDevice(_ name: String, to other: String) async throws -> (DeviceListing, isLocal: Bool) {
        let found = try await BlockingWork.run { [self] in
            // Who was shut out is called nothing there any more, and hears no new names.
            try DeviceCircle.require(vault).requireMembership()
            return try device(named: name)
        }
        guard !found.isPaper else { throw KitError.noDevice(name) }
        try await BlockingWork.run { [self] in
            let others = try devices().filter { $0.state == .active && $0.id != found.id }
            if let taken = others.first(where: { $0.looksLike(other) }) {
                throw KitError.deviceNameTaken(other, by: taken)
            }
            guard EpochKey.isName(other) else { throw CryptoError.deviceName }
            if !found.isThis {
                try DeviceNicknames.set(other, of: found.id, in: vault)
            }
        }
        if found.isThis { try await changeCircle { [try $0.writer().rename(to: other, keyring: $0.keyring())] } }
        return try await BlockingWork.run { [self] in (try device(named: found.id.description), !found.isThis) }
    }
}
