// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneVault
import AttuneWire

/// This device's place in its circle, with its secret keys: what every change of the circle starts from.
package struct DeviceCircle: Sendable {
    package let keys: DeviceKeys
    package let device: DeviceID
    /// As the store holds it.
    package let chain: DeviceChain
    /// The keys of epochs that the store keeps beside it.
    private let kept: KeptEpochKeys

    package var circle: CircleID { chain.circle }
    /// This device as the chain has it; nil if its addition does not count any more.
    package var own: CircleDevice? { chain.devices[device] }
    /// Whether no other device is in the circle now.
    package var isAlone: Bool { chain.active.allSatisfy { $0.id == device } }

    /// Opens what a store holds of its circle; nil if it is in none.
    ///
    /// - Throws: `CryptoError` E-KEY-040, `WireError` where the kept links do not hold, `CircleError` E-DEVICE-006.
    package static func open(_ vault: Vault) throws -> DeviceCircle? {
        guard let identity = try vault.circle.identity() else { return nil }
        let keys = try DeviceKeys(opening: identity.sealedKeys, vaultKey: vault.vaultKey())
        let chain = try DeviceChain(verifying: vault.circle.links(after: 0, limit: Int(WireLimits.links)))
        guard chain.circle == identity.circle, identity.device == keys.publicKeys.id else {
            throw CircleError.damagedCircle
        }
        let kept = try vault.circle.epochKeys().map { try KeptEpochKeys(opening: $0, vaultKey: vault.vaultKey()) }
        return DeviceCircle(keys: keys, device: keys.deviceID, chain: chain, kept: kept ?? KeptEpochKeys())
    }

    /// As `open`, for what needs a circle.
    ///
    /// - Throws: as `open`, and `CircleError` E-DEVICE-001.
    package static func require(_ vault: Vault) throws -> DeviceCircle {
        guard let circle = try open(vault) else { throw CircleError.noCircle }
        return circle
    }

    /// The keys of all epochs that this device can read.
    package func keyring() -> EpochKeyring {
        EpochKeyring(chain: chain, device: keys, known: kept.keys(of: chain))
    }

    /// Keeps the keys of these epochs in the store, so that no later epoch can make an older one unreadable.
    ///
    /// Does nothing in a store that is open for reading, or where they are kept.
    package func remember(_ keyring: EpochKeyring, in vault: Vault) throws {
        var kept = kept
        guard vault.mode == .writing, kept.take(keyring, of: chain) else { return }
        try vault.circle.setEpochKeys(kept.sealed(under: vault.vaultKey()))
    }

    /// Passes where this device is in its circle.
    ///
    /// - Throws: `CircleError` E-DEVICE-010.
    package func requireMembership() throws {
        guard let own else { throw CircleError.notADevice }
        guard own.isActive else { throw CircleError.shutOut }
    }

    /// What makes the next links.
    ///
    /// - Throws: `CircleError` E-DEVICE-010 if this device may not change the circle.
    package func writer() throws -> LinkWriter {
        try requireMembership()
        return LinkWriter(chain: chain, keys: keys)
    }

    /// The name of a device, or its fingerprint where the name cannot be opened.
    package func name(of device: CircleDevice, keyring: EpochKeyring?) -> String {
        device.isPaper ? "recovery words" : keyring?.name(of: device) ?? device.id.fingerprint
    }

    /// What tells a device from all others of the circle.
    package func fingerprint(of device: DeviceID) -> String {
        Self.fingerprints(of: chain.devices.keys)[device] ?? device.description
    }

    /// What tells each of these devices from all the others: eight letters and digits, or the id where these are alike.
    package static func fingerprints(of devices: some Collection<DeviceID>) -> [DeviceID: String] {
        let alike = Dictionary(grouping: devices, by: \.fingerprint)
        return alike.values.reduce(into: [:]) { result, devices in
            for device in devices {
                result[device] = devices.count == 1 ? device.fingerprint : device.description
            }
        }
    }

    /// `name` for a device that joins, with a number behind it where an active device has a name that looks the same.
    package func freeName(_ name: String, keyring: EpochKeyring?) -> String {
        let taken = Set(chain.active.map { NameLook(self.name(of: $0, keyring: keyring)) })
        guard taken.contains(NameLook(name)) else { return name }
        for number in 2...taken.count + 2 {
            let suffix = "-\(number)"
            var stem = name
            while stem.utf8.count + suffix.utf8.count > 64 { stem.removeLast() }
            if !taken.contains(NameLook(stem + suffix)) { return stem + suffix }
        }
        return name
    }
}
