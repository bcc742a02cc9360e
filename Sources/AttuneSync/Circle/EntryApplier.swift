// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneVault
import AttuneWire

/// Who knows which versions of other devices can be.
package protocol ArrivalCheck: Sendable {
    /// Passes for a version that an adapter of its base can be: the manifest, its base, and the bytes it needs.
    ///
    /// - Throws: for every other one.
    func check(_ version: VersionPacket) throws
}

/// Opens accepted entries with the keys of their epochs and makes adapters of them.
package struct EntryApplier: EntryApplying {
    private let store: VaultSyncStore
    private let keys: CircleKeys
    private let arrivals: any ArrivalCheck

    /// - Parameter arrivals: refuses versions before any byte of them is fetched.
    package init(store: VaultSyncStore, keys: CircleKeys, arrivals: any ArrivalCheck) {
        self.store = store
        self.keys = keys
        self.arrivals = arrivals
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
        // With the same keys nothing that waits is opened again.
        let means = "\(EntryPayloadCoding.format) \(keys.means)"
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
            entry: entry.hash, device: entry.device, deviceName: keys.name(of: entry.device), lamport: entry.lamport,
            parents: entry.parents)
    }

    private func opened(_ entry: Entry) throws -> ProtoEntryPayload? {
        do {
            return try keys.payload(of: entry)
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
        do { try arrivals.check(packet) } catch { throw SyncError.badContent("a version that cannot be", cause: error) }
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
