// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneVault
import AttuneWire
import Synchronization

/// The circle's keys while sync changes its links: opened anew whenever the newest link is another one.
package final class CircleKeys: EntryAuthor {
    private let vault: Vault
    private let known: Mutex<(circle: DeviceCircle, keyring: EpochKeyring)>

    /// - Throws: what `DeviceCircle.require` throws.
    package init(_ vault: Vault) throws {
        self.vault = vault
        known = Mutex(try Self.open(vault))
    }

    /// The circle as the store has it now, with the keys of its epochs.
    package func current() throws -> (circle: DeviceCircle, keyring: EpochKeyring) {
        try known.withLock { known in
            let newest = try vault.circle.links(after: known.circle.chain.seq - 1, limit: 2)
            guard newest.count == 1, try Link(parsing: newest[0]).hash == known.circle.chain.head else {
                known = try Self.open(vault)
                return known
            }
            return known
        }
    }

    private static func open(_ vault: Vault) throws -> (circle: DeviceCircle, keyring: EpochKeyring) {
        let circle = try DeviceCircle.require(vault)
        let keyring = circle.keyring()
        try circle.remember(keyring, in: vault)
        return (circle, keyring)
    }

    /// Seals and signs a draft under the newest epoch's key.
    package func write(_ draft: EntryDraft, at place: EntryPlace) throws -> [UInt8] {
        let (circle, keyring) = try current()
        guard let key = keyring[place.epoch] else { throw obstacle() ?? CircleError.notADevice }
        return try EntryWriter(keys: circle.keys).entry(draft, at: place, key: key).bytes
    }

    /// That the key of the newest epoch, as another device made it, does not open here.
    package func obstacle() -> SyncError? {
        guard let (circle, keyring) = try? current(), circle.own?.isActive == true,
            keyring.damaged.contains(circle.chain.epoch)
        else { return nil }
        let author = circle.chain.epochAuthor
        return SyncError.keyIsRefused(
            of: label(of: author), fingerprint: circle.fingerprint(of: author), epoch: circle.chain.epoch)
    }

    /// What is sealed in an entry.
    ///
    /// - Throws: `SyncError` E-SYNC-061 if its epoch's key is not here yet, so that the entry waits for it; what
    ///   `EntryReader.payload(of:)` throws.
    package func payload(of entry: Entry) throws -> ProtoEntryPayload {
        let keyring = try current().keyring
        guard keyring[entry.epoch] != nil else { throw SyncError.keyIsAbsent }
        return try EntryReader(keyring: keyring).payload(of: entry)
    }

    /// The chain and the epochs of which keys are here, in words that are others when these are.
    package var means: String {
        guard let (circle, keyring) = try? current() else { return "none" }
        return "\(circle.chain.head.short) \(keyring.keys.count)"
    }

    /// What people call a device.
    package func name(of device: DeviceID) -> String {
        guard let (circle, keyring) = try? current(), let known = circle.chain.devices[device] else {
            return device.fingerprint
        }
        return circle.name(of: known, keyring: keyring)
    }

    /// What people call a device here, with what tells it from all others.
    package func label(of device: DeviceID) -> String {
        guard let (circle, keyring) = try? current(), let known = circle.chain.devices[device] else {
            return "device \(device.fingerprint)"
        }
        let nickname = (try? DeviceNicknames(vault))?[device]
        let fingerprint = circle.fingerprint(of: device)
        let name = nickname ?? circle.name(of: known, keyring: keyring)
        return name == device.fingerprint ? "device \(fingerprint)" : "\(name) (\(fingerprint))"
    }

    /// Keeps links that follow on `chain`, having verified them, and drops the entries that they cut off.
    ///
    /// Says in the sync log what they change for a person.
    package func keep(_ links: [Link], after chain: DeviceChain) throws {
        // With the links the keys of the epochs so far go where these cannot be lost.
        let own = try current().circle.device
        let store = try VaultSyncStore(vault)
        _ = try LinkReceiver.take(links, after: chain.head, chain: chain, into: store, naming: label)
        for (level, text) in LinkNews.lines(of: links, on: own, labels: label) {
            try store.append(SyncLogLine(level: level, remote: "", text: text))
        }
    }
}
