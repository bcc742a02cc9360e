// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB
import Synchronization

/// Names an adapter that came from another device, or was named there, as one is called here already or nearly so.
package struct ShownName: Sendable, Equatable {
    /// What the other device calls it.
    package let said: String
    /// What it is called here.
    package let shown: String
    /// What the other device is called.
    package let device: String
    let adapter: AdapterID
}

extension ShownName {
    /// Fails if the name that is shown is the one that was said.
    init?(_ shown: String, not said: String, _ adapter: AdapterID, of device: String) {
        guard shown != AdapterName.normalized(said) else { return nil }
        self.init(said: said, shown: shown, device: device, adapter: adapter)
    }
}

/// Shows adapters as other devices say: their names, and whether it lies in the trash.
extension AdapterTable {
    /// Takes in a name that another device gave. The last one counts; one that another adapter has here, or that looks
    /// like another's, is shown with the device's name behind it.
    ///
    /// - Returns: the name that is shown, where it is another one.
    func apply(_ database: Database, _ adapter: AdapterID, name: String, _ context: EntryContext) throws -> ShownName? {
        let isLast = try isLast(database, adapter, .name, context)
        try EventTable.insert(database, adapter, kind: .name, name: name, context: context)
        guard isLast, let row = try Self.row(database, adapter) else { return nil }
        let (before, free) = (
            try row.value("name", as: String.self),
            try freeName(database, name, for: adapter, besides: context.deviceName)
        )
        try Self.setShownName(database, adapter, to: free)
        guard free != before else { return nil }
        return ShownName(free, not: name, adapter, of: context.deviceName)
    }

    /// Shows an adapter whose row was lost as the events say: under its name, if that is free, and in the trash or not.
    func showAsSaid(_ database: Database, _ adapter: AdapterID) throws {
        if let shown = try Self.name(database, adapter),
            let said = try Self.saidName(database, adapter).flatMap(AdapterName.normalized), said != shown
        {
            let free = try freeName(database, said, for: adapter, besides: "")
            if free != shown { try Self.setShownName(database, adapter, to: free) }
        }
        if let isTrashed = try AdapterWord.last(.trashed, of: adapter, database)?.isTrashed {
            try show(database, adapter, trashed: isTrashed, besides: "")
        }
    }

    /// Calls an adapter that was here before its circle was as the circle calls it, where nobody gave it a name since.
    func takeName(_ database: Database, _ adapter: AdapterID) throws {
        guard try AdapterWord.last(.name, of: adapter, database) == nil,
            let shown = try Self.name(database, adapter),
            let said = try Self.saidName(database, adapter).flatMap(AdapterName.normalized),
            said != shown, !shown.hasPrefix(said + "-"),
            try freeName(database, said, for: adapter, besides: "") == said
        else { return }
        try Self.setShownName(database, adapter, to: said)
        try vault.journal.note(
            database, .rename, "call \(shown) \(said), as the circle does", subject: adapter.description,
            reversal: .rename(adapter: adapter.description, to: shown))
    }

    /// - Returns: the name under which it is shown again, where it is another one.
    func apply(_ database: Database, _ adapter: AdapterID, trashed: Bool, _ context: EntryContext) throws -> ShownName?
    {
        let isLast = try isLast(database, adapter, .trashed, context)
        try EventTable.insert(database, adapter, kind: .trashed, trashed: trashed, context: context)
        // What was made of it here meanwhile, and nobody saw who threw it away, is no trash: this device says so.
        if trashed, isLast, try EventTable.hasNewVersion(database, adapter) {
            try EventTable.noteTrashed(database, adapter, false)
            return nil
        }
        return isLast ? try show(database, adapter, trashed: trashed, besides: context.deviceName) : nil
    }

    /// Puts an adapter into the trash or takes it out, as other devices say.
    @discardableResult
    private func show(
        _ database: Database, _ adapter: AdapterID, trashed: Bool, besides device: String
    ) throws -> ShownName? {
        guard let row = try Self.row(database, adapter),
            try row.value("trashed", as: Bool.self) != trashed
        else { return nil }
        let name = try row.value("name", as: String.self)
        let free = trashed ? name : try freeName(database, name, for: adapter, besides: device)
        if free != name { try Self.setShownName(database, adapter, to: free) }
        try vault.trash.setTrashed(database, .adapter, adapter.description, trashed, name: name, isLocal: false)
        try Self.advance(database, adapter, changed: [])
        return ShownName(free, not: name, adapter, of: device)
    }

    /// Picks those of these names that are shown still, the last of each adapter.
    static func stillShown(_ database: Database, _ names: [ShownName]) throws -> [ShownName] {
        let last = Dictionary(names.map { ($0.adapter, $0) }, uniquingKeysWith: { $1 })
        return try names.filter { name in
            guard last[name.adapter] == name else { return false }
            return try Bool.fetchOne(
                database, cached: "SELECT EXISTS (SELECT 1 FROM adapters WHERE id = ? AND name = ? AND trashed = 0)",
                arguments: [name.adapter, name.shown]) ?? false
        }
    }

    /// Shows an adapter as those events say that still count, after others were taken away.
    ///
    /// - Parameter isDenied: whether one of those that were taken away was about the trash.
    func showWhatCounts(_ database: Database, _ adapter: AdapterID, isDenied: Bool) throws {
        if isDenied {
            let last = try AdapterWord.last(.trashed, of: adapter, database)
            try show(database, adapter, trashed: last?.isTrashed ?? false, besides: "")
        }
        try Self.advance(database, adapter, isCutOff: true)
    }

    /// Gives every adapter back the name that it has by what counts, where that is free.
    ///
    /// - Parameter denied: adapters whose names were changed by what counts no more; only those, or all if nil.
    func showNamesThatCount(_ database: Database, denied: Set<AdapterID>?) throws {
        let isDenied = denied != nil
        var names: [(adapter: AdapterID, said: String)] = []
        // Where another one had the name, there is something behind it.
        let rows = try Row.fetchAll(
            database,
            sql: "SELECT id, name FROM adapters \(isDenied ? "" : "WHERE name LIKE '%-%'") ORDER BY seq")
        for row in rows {
            let (adapter, shown) = (try row.value("id", as: AdapterID.self), try row.value("name", as: String.self))
            guard denied?.contains(adapter) ?? true,
                let said = try Self.saidName(database, adapter).flatMap(AdapterName.normalized), said != shown,
                isDenied || shown.hasPrefix(said + "-")
            else { continue }
            names.append((adapter, said))
        }
        // Two may have been given each other's name.
        if isDenied {
            for name in names { try Self.setShownName(database, name.adapter, to: name.adapter.description) }
        }
        for (adapter, said) in names {
            let free = try freeName(database, said, for: adapter, besides: "")
            if isDenied || free == said { try Self.setShownName(database, adapter, to: free) }
        }
    }

    /// Finds the name that the events which count give an adapter: the last that it was given, else the one it came with.
    private static func saidName(_ database: Database, _ adapter: AdapterID) throws -> String? {
        let given = try AdapterWord.last(.name, of: adapter, database)
        let cameWith = try AdapterWord.first(.version, of: adapter, database)
        return Precedence.name(given: [given].compactMap(\.self), cameWith: [cameWith].compactMap(\.self), by: \.place)?
            .name
    }

    /// True if no later event of this kind is known, and none waits to be published here.
    private func isLast(_ database: Database, _ adapter: AdapterID, _ kind: EventKind, _ context: EntryContext) throws
        -> Bool
    {
        let place = Precedence(lamport: context.lamport, device: context.device, entry: context.entry)
        return try AdapterWord.last(kind, of: adapter, database).map { $0.place < place } ?? true
    }
}

/// Finds names that are free here.
extension AdapterTable {
    static func setName(_ database: Database, _ id: AdapterID, to name: String) throws {
        try Self.requireFree(database, name)
        try setShownName(database, id, to: name)
        try EventTable.noteName(database, id)
    }

    /// - Throws: `VaultError` E-VAULT-021 if a live adapter has this name.
    static func requireFree(_ database: Database, _ name: String) throws {
        let taken =
            try Bool.fetchOne(
                database, sql: "SELECT EXISTS (SELECT 1 FROM adapters WHERE name = ? AND trashed = 0)",
                arguments: [name]) ?? false
        if taken { throw VaultError.nameTaken(name) }
    }

    static func setShownName(_ database: Database, _ adapter: AdapterID, to name: String) throws {
        try database.execute(cached: "UPDATE adapters SET name = ? WHERE id = ?", arguments: [name, adapter])
    }

    /// Adapters, the oldest here, that another one's name may not look like: whoever makes many costs no more than that.
    private static let comparedNames = 512

    /// `name`, or where another live adapter has it or a name that looks the same `name-DEVICE`, or `name-DEVICE-2` and so
    /// on.
    ///
    /// However many names others have taken, there is one: the last resort ends in the adapter's id.
    func freeName(_ database: Database, _ name: String, for adapter: AdapterID, besides device: String) throws -> String
    {
        let wanted = AdapterName.normalized(name) ?? "adapter"
        let suffix = String(
            device.precomposedStringWithCanonicalMapping.map {
                $0.isLetter || $0.isNumber || $0 == "." || $0 == "_" ? $0 : "-"
            }.prefix(24))
        let stem = "\(wanted.prefix(32))-\(suffix.isEmpty ? "2" : suffix)"
        let others = try String.fetchAll(
            database, cached: "SELECT name FROM adapters WHERE trashed = 0 AND id <> ? ORDER BY seq LIMIT ?",
            arguments: [adapter, Self.comparedNames])
        for attempt in 0..<16 {
            let candidate = attempt == 0 ? wanted : attempt == 1 ? stem : "\(stem)-\(attempt)"
            let taken =
                try Bool.fetchOne(
                    database,
                    cached: "SELECT EXISTS (SELECT 1 FROM adapters WHERE name = ? AND trashed = 0 AND id <> ?)",
                    arguments: [candidate, adapter]) ?? true
            if !taken, !vault.looks.isAlike(candidate, toAnyOf: others), AdapterName.normalized(candidate) != nil {
                return candidate
            }
        }
        return "\(wanted.prefix(20))-\(adapter)"
    }
}

/// Remembers the looks of the names that were compared before, each worked out once.
final class KnownLooks: Sendable {
    private let looks = Mutex<[String: NameLook]>([:])
    /// More names than are compared at once.
    private static let limit = 4096

    /// True if a name looks like one of `others`.
    func isAlike(_ name: String, toAnyOf others: [String]) -> Bool {
        looks.withLock { looks in
            if looks.count + others.count > Self.limit { looks.removeAll() }
            let look = NameLook(name)
            return others.contains { other in
                if let known = looks[other] { return known == look }
                let found = NameLook(other)
                looks[other] = found
                return found == look
            }
        }
    }
}
