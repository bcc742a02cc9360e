// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire

/// This device as others see it in a file: its circle, and the keys it signs and opens with.
struct SharingIdentity: Sendable {
    let keys: DeviceKeys
    /// This device's circle, every link verified.
    let chain: DeviceChain
    /// The links, as received.
    let links: [[UInt8]]

    /// - Throws: `VaultError` E-VAULT-051 if the store is in no circle; `CryptoError`, `WireError` for what was changed.
    init(_ vault: Vault) throws {
        guard let identity = try vault.circle.identity() else { throw VaultError.notInCircle }
        keys = try DeviceKeys(opening: identity.sealedKeys, vaultKey: vault.vaultKey())
        links = try vault.circle.links(after: 0, limit: Int(WireLimits.links))
        chain = try DeviceChain(verifying: links)
    }

    /// What people call a device of this circle.
    func name(of device: CircleDevice) -> String {
        EpochKeyring(chain: chain, device: keys).name(of: device) ?? device.id.fingerprint
    }
}
