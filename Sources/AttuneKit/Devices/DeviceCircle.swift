// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneSync
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
    var isAlone: Bool { chain.active.allSatisfy { $0.id == device } }

    /// Opens what a store holds of its circle; nil if it is in none.
    ///
    /// - Throws: `CryptoError` E-KEY-040, `WireError` where the kept links do not hold, `KitError` E-DEVICE-006.
    package static func open(_ vault: Vault) throws -> DeviceCircle? {
        guard let identity = try vault.circle.identity() else { return nil }
        let keys = try DeviceKeys(opening: identity.sealedKeys, vaultKey: vault.vaultKey())
        let chain = try DeviceChain(verifying: vault.circle.links(after: 0, limit: Int(WireLimits.links)))
        guard chain.circle == identity.circle, identity.device == keys.publicKeys.id else {
            throw KitError.damagedCircle
        }
        let kept = try vault.circle.epochKeys().map { try KeptEpochKeys(opening: $0, vaultKey: vault.vaultKey()) }
        return DeviceCircle(keys: keys, device: keys.deviceID, chain: chain, kept: kept ?? KeptEpochKeys())
    }

    /// As `open`, for what needs a circle.
    ///
    /// - Throws: as `open`, and `KitError` E-DEVICE-001.
    package static func require(_ vault: Vault) throws -> DeviceCircle {
        guard let circle = try open(vault) else { throw KitError.noCircle }
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
    /// - Throws: `KitError` E-DEVICE-010.
    func requireMembership() throws {
        guard let own else { throw KitError.notADevice }
        guard own.isActive else { throw KitError.shutOut }
    }

    /// What makes the next links.
    ///
    /// - Throws: `KitError` E-DEVICE-010 if this device may not change the circle.
    func writer() throws -> LinkWriter {
        try requireMembership()
        return LinkWriter(chain: chain, keys: keys)
    }

    /// The name of a device, or its fingerprint where the name cannot be opened.
    func name(of device: CircleDevice, keyring: EpochKeyring?) -> String {
        device.isPaper ? "recovery words" : keyring?.name(of: device) ?? device.id.fingerprint
    }

    /// What tells a device from all others of the circle.
    func fingerprint(of device: DeviceID) -> String {
        DeviceListing.fingerprints(of: chain.devices.keys)[device] ?? device.description
    }

    /// `name` for a device that joins, with a number behind it where an active device has a name that looks the same.
    func freeName(_ name: String, keyring: EpochKeyring?) -> String {
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

    /// Keeps links that follow on `chain`, having verified them, and drops the entries that they cut off.
    package static func keep(_ links: [Link], after chain: DeviceChain, in vault: Vault) throws {
        let circle = try open(vault)
        if let circle { try circle.remember(circle.keyring(), in: vault) }
        let store = try VaultSyncStore(vault)
        _ = try LinkReceiver.take(links, after: chain.head, chain: chain, into: store) { device in
            (try? CircleKeys(vault))?.label(of: device) ?? "device \(device.fingerprint)"
        }
        // The names of devices are opened once more only where there is something to say of another one.
        guard let own = circle?.device, links.contains(where: { $0.signer != own }) else { return }
        let keys = try CircleKeys(vault)
        for (level, text) in LinkNews.lines(of: links, on: own, labels: keys.label) {
            try store.append(SyncLogLine(level: level, remote: "", text: text))
        }
    }
}
