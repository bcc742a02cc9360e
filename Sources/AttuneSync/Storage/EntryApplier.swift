// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneVault
import AttuneWire

/// Opens accepted entries and makes adapters of them.
package struct EntryApplier: Sendable {
    /// Opens an entry with the key of its epoch.
    package typealias Opening = @Sendable (Entry) throws -> ProtoEntryPayload
    /// Passes for a version that an adapter of its base can be: the manifest, its base, and the bytes it needs.
    package typealias Check = @Sendable (VersionPacket) throws -> Void

    private let store: VaultSyncStore
    private let open: Opening
    private let name: @Sendable (DeviceID) -> String
    private let check: Check

    /// - Parameters:
    ///   - open: throws for an entry that does not open.
    ///   - name: what people call a device.
    ///   - check: throws for a version that cannot be.
    package init(
        store: VaultSyncStore, open: @escaping Opening, name: @escaping @Sendable (DeviceID) -> String,
        check: @escaping Check
    ) {
        self.store = store
        self.open = open
        self.name = name
        self.check = check
    }

    /// Applies all entries that were accepted and not applied yet, in the order they came.
    ///
    /// One that cannot be opened or cannot be is noted in the sync log and changes nothing, now or later.
    ///
    /// - Throws: `VaultError` where the store itself fails; what was applied before stays.
    package func apply() throws {
        while true {
            let waiting = try store.vault.unappliedEntries(limit: 256)
            if waiting.isEmpty { return }
            for bytes in waiting {
                let entry = try Entry(parsing: bytes)
                do {
                    try apply(entry)
                } catch let error as any AttuneError where error.exitStatus == .invalidData {
                    try refuse(entry, error)
                }
            }
        }
    }

    private func apply(_ entry: Entry) throws {
        guard let event = try EntryPayloadCoding.decode(try opened(entry), of: entry) else {
            return try store.vault.refuseEntry(entry.hash)
        }
        if case .version(let packet) = event { try checked(packet) }
        try store.vault.apply(
            event,
            EntryContext(
                entry: entry.hash, device: entry.device.bytes, deviceName: name(entry.device), lamport: entry.lamport,
                parents: entry.parents))
    }

    private func opened(_ entry: Entry) throws -> ProtoEntryPayload {
        do { return try open(entry) } catch { throw SyncError.badContent("it does not open", cause: error) }
    }

    private func checked(_ packet: VersionPacket) throws {
        do { try check(packet) } catch { throw SyncError.badContent("a version that cannot be", cause: error) }
    }

    private func refuse(_ entry: Entry, _ error: any AttuneError) throws {
        try store.vault.refuseEntry(entry.hash)
        try store.append(
            SyncLogLine(
                level: .warning, remote: "",
                text: "entry \(entry.seq) of device \(entry.device.fingerprint) changes nothing: \(error.message)"))
    }
}
