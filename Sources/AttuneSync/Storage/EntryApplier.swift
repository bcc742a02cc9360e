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
    /// One that cannot be opened or cannot be is noted in the sync log and changes nothing, now or later. One of a
    /// later version of the program, or of an epoch whose key is not here, waits for that.
    ///
    /// - Throws: `VaultError` where the store itself fails; what was applied before stays.
    package func apply() throws {
        var last: Int64 = 0
        while true {
            let waiting = try store.vault.unappliedEntries(after: last, limit: 256)
            guard let newest = waiting.last else { return }
            last = newest.number
            var events: [(event: AdapterEvent, context: EntryContext)] = []
            var entries: [Digest256: Entry] = [:]
            for (_, bytes) in waiting {
                let entry = try Entry(parsing: bytes)
                entries[entry.hash] = entry
                do {
                    if let event = try event(of: entry) { events.append((event, context(of: entry))) }
                } catch let error as any AttuneError where error.exitStatus == .invalidData {
                    try refuse(entry, error)
                }
            }
            for (hash, error) in try store.vault.apply(events) {
                if let entry = entries[hash] { try note(entry, error) }
            }
        }
    }

    /// What an entry does to adapters; nil where it does nothing, or waits.
    private func event(of entry: Entry) throws -> AdapterEvent? {
        guard let payload = try opened(entry) else { return nil }
        guard let event = try EntryPayloadCoding.decode(payload, of: entry) else {
            try store.vault.refuseEntry(entry.hash)
            return nil
        }
        if case .version(let packet) = event { try checked(packet) }
        return event
    }

    private func context(of entry: Entry) -> EntryContext {
        EntryContext(
            entry: entry.hash, device: entry.device.bytes, deviceName: name(entry.device), lamport: entry.lamport,
            parents: entry.parents)
    }

    private func opened(_ entry: Entry) throws -> ProtoEntryPayload? {
        do {
            return try open(entry)
        } catch let error as any AttuneError where Self.waits(error) {
            return nil
        } catch {
            throw SyncError.badContent("it does not open", cause: error)
        }
    }

    /// E-WIRE-004 is a later version, E-SYNC-061 an epoch whose key may still come.
    private static func waits(_ error: any AttuneError) -> Bool {
        error.code == "E-WIRE-004" || error.code == SyncError.keyIsAbsent.code
    }

    private func checked(_ packet: VersionPacket) throws {
        do { try check(packet) } catch { throw SyncError.badContent("a version that cannot be", cause: error) }
    }

    private func refuse(_ entry: Entry, _ error: any AttuneError) throws {
        try store.vault.refuseEntry(entry.hash)
        try note(entry, error)
    }

    private func note(_ entry: Entry, _ error: any AttuneError) throws {
        try store.append(
            SyncLogLine(
                level: .warning, remote: "",
                text: "entry \(entry.seq) of device \(entry.device.fingerprint) changes nothing: \(error.message)"))
    }
}
