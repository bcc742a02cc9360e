// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneWire

/// The keys of a circle's epochs that a device can read, from the newest back to the first.
package struct EpochKeyring: Sendable {
    /// By number.
    package private(set) var keys: [UInt32: EpochKey] = [:]

    /// Epochs whose key does not open for this device, or as a later epoch carries it, or is another than was known.
    ///
    /// Only a faulty device of the circle can cause it. What was known counts, and what lies before stays readable for
    /// whoever knows it.
    package private(set) var damaged: [UInt32] = []

    /// Opens this device's envelope of the newest epoch and walks back from it.
    ///
    /// A device that was just added, or was revoked, has no envelope; then only the known keys count, as where its
    /// envelope does not open.
    ///
    /// - Parameter known: keys that were kept, such as the one this device made itself; they win over anything else.
    package init(chain: DeviceChain, device: DeviceKeys, known: [EpochKey] = []) {
        for key in known { keys[key.epoch] = key }
        if keys[chain.epoch] == nil, let envelope = chain.envelopes[device.deviceID] {
            let circle = chain.epoch == 1 ? nil : chain.circle
            keys[chain.epoch] = try? EpochKey.open(envelope, epoch: chain.epoch, circle: circle, keys: device)
            if keys[chain.epoch] == nil { damaged.append(chain.epoch) }
        }
        var tries = Self.tries
        for epoch in stride(from: chain.epoch, to: 1, by: -1) {
            guard let key = keys[epoch], let sealed = chain.sealedPrevious[epoch] else { continue }
            let previous = try? key.open(previous: sealed, circle: chain.circle)
            if let known = keys[epoch - 1] {
                if previous.map(known.isEqual) != true { damaged.append(epoch - 1) }
            } else if let previous {
                keys[epoch - 1] = previous
            } else {
                damaged.append(epoch - 1)
                // Whoever made this epoch had a key that is older still.
                var earlier = epoch - 1
                while earlier > 1, tries > 0 {
                    (earlier, tries) = (earlier - 1, tries - 1)
                    guard let key = try? key.open(previous: sealed, as: earlier, circle: chain.circle) else { continue }
                    if keys[earlier] == nil { keys[earlier] = key }
                    break
                }
            }
        }
    }

    /// How often in all an older key is looked for where that of the epoch before does not open: faulty devices could
    /// make that of every one.
    private static let tries = 4096

    /// The key of the newest epoch that this device has.
    package var newest: EpochKey? { keys.keys.max().flatMap { keys[$0] } }

    /// The key of an epoch.
    package subscript(epoch: UInt32) -> EpochKey? { keys[epoch] }

    /// Adds a key that this device just made.
    ///
    /// - Throws: `CryptoError` E-KEY-043 if another one is known.
    package mutating func take(_ key: EpochKey) throws {
        if let known = keys[key.epoch], !known.isEqual(to: key) {
            throw CryptoError.epochRefused("another key", epoch: key.epoch)
        }
        keys[key.epoch] = key
    }

    /// The name of a device; nil for the paper device, and where its epoch's key is not here or does not open it.
    package func name(of device: CircleDevice) -> String? { open(device.name, of: device) }

    /// The names that a device had before, the newest first; those that do not open are left out.
    package func formerNames(of device: CircleDevice) -> [String] {
        device.names.dropLast().reversed().compactMap { open($0, of: device) }
    }

    /// What another device calls this one, if it said so by a link, as earlier programs did.
    package func name(of device: CircleDevice, givenBy other: DeviceID) -> String? {
        device.givenNames[other].flatMap { open($0, of: device) }
    }

    private func open(_ name: CircleDevice.Name, of device: CircleDevice) -> String? {
        guard !name.sealed.isEmpty else { return nil }
        return try? keys[name.epoch]?.open(name: name.sealed, device: device.id)
    }
}
