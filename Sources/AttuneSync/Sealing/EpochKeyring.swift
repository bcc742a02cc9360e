// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneWire

/// The keys of a circle's epochs that a device can read, from the newest back to the first.
package struct EpochKeyring: Sendable {
    /// By number.
    package private(set) var keys: [UInt32: EpochKey] = [:]

    /// Other keys of the same numbers that later epochs carry, the newest first: a faulty device may have given each of
    /// the others another one, and what each wrote opens under its own.
    private var others: [UInt32: [EpochKey]] = [:]

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
            for (number, carried) in chain.sealedCarried[epoch] ?? [:] {
                if let earlier = try? key.open(previous: carried, as: number, circle: chain.circle) { add(earlier) }
            }
            if let previous = try? key.open(previous: sealed, circle: chain.circle) {
                if keys[epoch - 1].map(previous.isEqual) == false { damaged.append(epoch - 1) }
                add(previous)
                continue
            }
            damaged.append(epoch - 1)
            // Whoever made this epoch had a key that is older still.
            var earlier = epoch - 1
            while earlier > 1, tries > 0 {
                (earlier, tries) = (earlier - 1, tries - 1)
                guard let key = try? key.open(previous: sealed, as: earlier, circle: chain.circle) else { continue }
                add(key)
                break
            }
        }
    }

    /// How often in all an older key is looked for where that of the epoch before does not open: faulty devices could
    /// make that of every one.
    private static let tries = 4096
    /// Keys of one number that are kept beside the first.
    private static let othersLimit = 64

    private mutating func add(_ key: EpochKey) {
        guard keys[key.epoch] != nil else { return keys[key.epoch] = key }
        guard !candidates(of: key.epoch).contains(where: key.isEqual),
            others[key.epoch, default: []].count < Self.othersLimit
        else { return }
        others[key.epoch, default: []].append(key)
    }

    /// The keys under which something of an epoch may open, the likeliest first.
    package func candidates(of epoch: UInt32) -> [EpochKey] {
        (keys[epoch].map { [$0] } ?? []) + (others[epoch] ?? [])
    }

    /// Keys that are here and that nobody comes to who has the newest one alone, since a device that was shut out gave
    /// them to some only, or did not carry them on; at most as many as one link carries, in order.
    ///
    /// While that device is in the circle they stay as they are, or it could have the others make links without end.
    package func stranded(in chain: DeviceChain, device: DeviceKeys) -> [EpochKey] {
        guard !damaged.isEmpty, let newest = keys[chain.epoch] else { return [] }
        let reached = EpochKeyring(chain: chain, device: device, known: [newest])
        let stranded = keys.values.filter { key in
            guard key.epoch < chain.epoch, !reached.candidates(of: key.epoch).contains(where: key.isEqual),
                let above = reached.keys.keys.filter({ $0 > key.epoch }).min()
            else { return false }
            return [above, above - 1].contains { epoch in
                chain.epochAuthors[epoch].map { chain.devices[$0]?.isActive != true } == true
            }
        }
        return stranded.sorted { $0.epoch < $1.epoch }.suffix(WireLimits.carriedKeys)
    }

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
        return candidates(of: name.epoch).lazy.compactMap { try? $0.open(name: name.sealed, device: device.id) }.first
    }
}
