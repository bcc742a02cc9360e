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
    private let keys: @Sendable () -> String
    private let name: @Sendable (DeviceID) -> String
    private let check: Check

    /// - Parameters:
    ///   - open: throws for an entry that does not open.
    ///   - keys: says which keys `open` has, in any words: with the same ones nothing that waits is opened again.
    ///   - name: what people call a device.
    ///   - check: throws for a version that cannot be.
    package init(
        store: VaultSyncStore, open: @escaping Opening, keys: @escaping @Sendable () -> String = { "" },
        name: @escaping @Sendable (DeviceID) -> String,
        check: @escaping Check
    ) {
        self.store = store
        self.open = open
        self.keys = keys
        self.name = name
        self.check = check
    }

    /// Applies all entries that were accepted and not applied yet, in the order they came.
    ///
    /// One that cannot be opened or cannot be is noted in the sync log and changes nothing, now or later. One of a
    /// later version of the program, or of an epoch whose key is not here, waits for that.
    ///
    /// - Returns: what a person has to know of it, a sentence each; it stands in the sync log too.
    /// - Throws: `VaultError` where the store itself fails; what was applied before stays.
    @discardableResult
    package func apply() throws -> [String] {
        var news: [String] = []
        try store.vault.adapters.moveHeldNames()
        var last: Int64 = 0
        let means = "\(EntryPayloadCoding.format) \(keys())"
        while true {
            let waiting = try store.vault.entries.unapplied(after: last, limit: 256, means: means)
            guard let newest = waiting.last else { return Self.told(news) }
            last = newest.number
            var events: [(event: AdapterEvent, context: EntryContext)] = []
            var entries: [EntryHash: Entry] = [:]
            var putOff: [EntryHash] = []
            for (_, bytes) in waiting {
                let entry = try Entry(parsing: bytes)
                entries[entry.hash] = entry
                do {
                    switch try event(of: entry) {
                    case .does(let event): events.append((event, context(of: entry)))
                    case .waits: putOff.append(entry.hash)
                    case .doesNothing: try store.vault.entries.refuse(entry.hash)
                    }
                } catch let error as any AttuneError where error.isOfData {
                    try refuse(entry, error)
                }
            }
            let applied = try store.vault.events.apply(events)
            for (hash, error) in applied.refused {
                if let entry = entries[hash] { try note(entry, error) }
            }
            for name in applied.shownNames {
                news.append(Self.sentence(on: name))
                if news.count <= Self.toldNews { try log(news[news.count - 1]) }
            }
            try store.vault.entries.putOff(putOff, means: means)
        }
    }

    /// What an entry comes to.
    private enum Effect {
        case does(AdapterEvent)
        /// It is not about adapters of this circle.
        case doesNothing
        /// It is of a later version of the program, or its key is not here.
        case waits
    }

    private func event(of entry: Entry) throws -> Effect {
        guard let payload = try opened(entry) else { return .waits }
        guard let event = try EntryPayloadCoding.decode(payload, of: entry) else { return .doesNothing }
        if case .version(let packet) = event { try checked(packet) }
        return .does(event)
    }

    private func context(of entry: Entry) -> EntryContext {
        EntryContext(
            entry: entry.hash, device: entry.device, deviceName: name(entry.device), lamport: entry.lamport,
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

    /// An entry of a later version, or of an epoch whose key may still come.
    private static func waits(_ error: any AttuneError) -> Bool {
        (error as? WireError)?.kind == .unknownVersion || (error as? SyncError)?.kind == .keyIsAbsent
    }

    private func checked(_ packet: VersionPacket) throws {
        do { try check(packet) } catch { throw SyncError.badContent("a version that cannot be", cause: error) }
    }

    private static func sentence(on name: ShownName) -> String {
        "Two adapters are called \(ShownText.spelled(name.said)), or look so: the one of \(name.device) is "
            + "\(name.shown) here."
    }

    /// Sentences that are told of one run at most; whoever names many adapters fills no screen and no log.
    private static let toldNews = 20

    private static func told(_ news: [String]) -> [String] {
        guard news.count > toldNews else { return news }
        return news.prefix(toldNews) + ["So it is with \(news.count - toldNews) more: attune adapters list."]
    }

    private func refuse(_ entry: Entry, _ error: any AttuneError) throws {
        try store.vault.entries.refuse(entry.hash)
        try note(entry, error)
    }

    private func note(_ entry: Entry, _ error: any AttuneError) throws {
        try log("entry \(entry.seq) of device \(entry.device.fingerprint) changes nothing: \(error.message)")
    }

    private func log(_ text: String) throws {
        try store.append(SyncLogLine(level: .warning, remote: "", text: text))
    }
}
