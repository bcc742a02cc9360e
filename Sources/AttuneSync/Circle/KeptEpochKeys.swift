// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneWire

/// The keys of epochs as a device keeps them beside the chain.
///
/// Each epoch carries the key of the one before, so a faulty device could begin an epoch behind which nothing opens any
/// more; whoever has kept the keys reads on. Of a chain that went on otherwise the keys do not count.
package struct KeptEpochKeys: Sendable {
    private var items: [UInt32: (key: EpochKey, origin: Digest256)] = [:]

    package init() {}

    /// Opens what `sealed(under:)` made.
    ///
    /// - Parameter vaultKey: 32 bytes.
    /// - Throws: `CryptoError` E-KEY-040.
    package init(opening sealed: [UInt8], vaultKey: borrowing SecretBytes) throws {
        for item in try EpochKey.open(kept: sealed, vaultKey: vaultKey) { items[item.key.epoch] = item }
    }

    /// The keys for the store, sealed once more.
    ///
    /// - Parameter vaultKey: 32 bytes.
    package func sealed(under vaultKey: borrowing SecretBytes) -> [UInt8] {
        EpochKey.seal(kept: items.values.sorted { $0.key.epoch < $1.key.epoch }, vaultKey: vaultKey)
    }

    /// Those that belong to the epochs of this chain.
    package func keys(of chain: DeviceChain) -> [EpochKey] {
        items.values.filter { $0.origin == Self.origin(of: $0.key.epoch, in: chain) }.map(\.key)
    }

    /// Takes the keys of a chain that are not kept yet.
    ///
    /// - Returns: whether there were any.
    package mutating func take(_ keyring: EpochKeyring, of chain: DeviceChain) -> Bool {
        var isNew = false
        for key in keyring.keys.values {
            guard let origin = Self.origin(of: key.epoch, in: chain), items[key.epoch]?.origin != origin else {
                continue
            }
            items[key.epoch] = (key, origin)
            isNew = true
        }
        return isNew
    }

    /// What tells an epoch from another one of the same number: the key of the one before is sealed anew for each.
    private static func origin(of epoch: UInt32, in chain: DeviceChain) -> Digest256? {
        epoch == 1 ? chain.circle.digest : chain.sealedPrevious[epoch].map { BLAKE2b.hash($0) }
    }
}
