// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// What other devices say of an adapter as a whole: its name, and whether it lies in the trash.
extension Vault {
    /// The last name counts; one that another adapter has here, or that looks like another's, is shown with the device's
    /// name behind it.
    func apply(_ database: Database, _ adapter: AdapterID, name: String, _ context: EntryContext) throws {
        let isLast = try isLast(database, adapter, .name, context)
        try insertEvent(database, adapter, kind: .name, name: name, context: context)
        guard isLast,
            try Row.fetchOne(database, cached: "SELECT id FROM adapters WHERE id = ?", arguments: [adapter]) != nil
        else { return }
        try setShownName(
            database, adapter, to: try freeName(database, name, for: adapter, besides: context.deviceName))
    }

    func apply(_ database: Database, _ adapter: AdapterID, trashed: Bool, _ context: EntryContext) throws {
        let isLast = try isLast(database, adapter, .trashed, context)
        try insertEvent(database, adapter, kind: .trashed, trashed: trashed, context: context)
        if isLast { try show(database, adapter, trashed: trashed, besides: context.deviceName) }
    }

    /// Puts an adapter into the trash or takes it out, as other devices say.
    private func show(_ database: Database, _ adapter: AdapterID, trashed: Bool, besides device: String) throws {
        guard let row = try Row.fetchOne(database, cached: "SELECT * FROM adapters WHERE id = ?", arguments: [adapter]),
            try row.value("trashed", as: Bool.self) != trashed
        else { return }
        let name = try row.value("name", as: String.self)
        if !trashed {
            try setShownName(database, adapter, to: try freeName(database, name, for: adapter, besides: device))
        }
        try setTrashed(database, .adapter, adapter.description, trashed, name: name, isLocal: false)
        try advance(database, adapter, changed: [])
    }

    /// Shows an adapter as those events say that still count, after others were taken away.
    ///
    /// - Parameter isDenied: whether one of those that were taken away was about the trash.
    func showWhatCounts(_ database: Database, _ adapter: AdapterID, isDenied: Bool) throws {
        if isDenied {
            let last = try Word.last(.trashed, of: adapter, database)
            try show(database, adapter, trashed: last?.isTrashed ?? false, besides: "")
        }
        try advance(database, adapter, isCutOff: true)
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
        if isDenied { for name in names { try setShownName(database, name.adapter, to: name.adapter.description) } }
        for (adapter, said) in names {
            let free = try freeName(database, said, for: adapter, besides: "")
            if isDenied || free == said { try setShownName(database, adapter, to: free) }
        }
    }

    /// The name that the events which count give an adapter: the last that it was given, else the one it came with.
    private static func saidName(_ database: Database, _ adapter: AdapterID) throws -> String? {
        let given = try Word.last(.name, of: adapter, database)
        let cameWith = try Word.first(.version, of: adapter, database)
        return Precedence.name(given: [given].compactMap(\.self), cameWith: [cameWith].compactMap(\.self), by: \.place)?
            .name
    }

    private func setShownName(_ database: Database, _ adapter: AdapterID, to name: String) throws {
        try database.execute(cached: "UPDATE adapters SET name = ? WHERE id = ?", arguments: [name, adapter])
    }

    /// True if no later event of this kind is known, and none waits to be published here.
    private func isLast(_ database: Database, _ adapter: AdapterID, _ kind: EventKind, _ context: EntryContext) throws
        -> Bool
    {
        let place = Precedence(lamport: context.lamport, device: context.device, entry: context.entry)
        return try Word.last(kind, of: adapter, database).map { $0.place < place } ?? true
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
        let looks = Set(
            try String.fetchAll(
                database, sql: "SELECT name FROM adapters WHERE trashed = 0 AND id <> ? ORDER BY seq LIMIT ?",
                arguments: [adapter, Self.comparedNames]
            ).map { NameLook($0) })
        for attempt in 0..<16 {
            let candidate = attempt == 0 ? wanted : attempt == 1 ? stem : "\(stem)-\(attempt)"
            let taken =
                try Bool.fetchOne(
                    database,
                    cached: "SELECT EXISTS (SELECT 1 FROM adapters WHERE name = ? AND trashed = 0 AND id <> ?)",
                    arguments: [candidate, adapter]) ?? true
            if !taken, !looks.contains(NameLook(candidate)), AdapterName.normalized(candidate) != nil {
                return candidate
            }
        }
        return "\(wanted.prefix(20))-\(adapter)"
    }
}

/// What one event says of an adapter as a whole.
private struct Word {
    let place: Precedence
    let name: String?
    let isTrashed: Bool?

    /// After all that was published: the place of what waits to be published here.
    private static let draft = Precedence(lamport: .max, device: .zero, entry: .zero)

    static func last(_ kind: EventKind, of adapter: AdapterID, _ database: Database) throws -> Word? {
        try fetch(
            kind, of: adapter, database, order: "lamport DESC NULLS FIRST, device DESC, entry DESC, seq DESC")
    }

    static func first(_ kind: EventKind, of adapter: AdapterID, _ database: Database) throws -> Word? {
        try fetch(kind, of: adapter, database, order: "lamport ASC NULLS LAST, device, entry, seq")
    }

    private static func fetch(
        _ kind: EventKind, of adapter: AdapterID, _ database: Database, order: String
    ) throws -> Word? {
        try Row.fetchOne(
            database,
            cached: """
                SELECT lamport, device, entry, name, trashed FROM events
                WHERE adapter = ? AND kind = ? AND (name IS NOT NULL OR kind = 'trashed') ORDER BY \(order) LIMIT 1
                """, arguments: [adapter, kind]
        ).map { row in
            let isPublished = try row.optional("lamport", as: Int64.self) != nil
            return Word(
                place: isPublished ? try row.precedence() : draft, name: try row.optional("name"),
                isTrashed: try row.optional("trashed"))
        }
    }
}
