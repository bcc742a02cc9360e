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
        guard let identity = try vault.circleIdentity() else { throw VaultError.notInCircle }
        keys = try DeviceKeys(opening: identity.sealedKeys, vaultKey: vault.vaultKey())
        links = try vault.links(after: 0, limit: Int(WireLimits.links))
        chain = try DeviceChain(verifying: links)
    }

    /// The active device that a person means: by name, fingerprint or hexadecimal id; nil if there is none.
    func device(named text: String) throws -> CircleDevice? {
        let keyring = try EpochKeyring(chain: chain, device: keys)
        let named = chain.active.filter { keyring.name(of: $0) == text }
        if named.count == 1 { return named[0] }
        return chain.active.first {
            $0.id.fingerprint == text.uppercased() || $0.id.description == text.lowercased()
        }
    }

    /// What people call a device of this circle.
    func name(of device: CircleDevice) -> String {
        (try? EpochKeyring(chain: chain, device: keys))?.name(of: device) ?? device.id.fingerprint
    }
}
