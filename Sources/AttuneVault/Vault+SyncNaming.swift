// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// What other devices say of an adapter as a whole: its name, and whether it lies in the trash.
extension Vault {
    /// The last name counts; one that another adapter has here is shown with the device's name behind it.
    func apply(_ database: Database, _ adapter: Data, name: String, _ context: EntryContext) throws {
        let isLast = try isLast(database, adapter, "name", context)
        try insertEvent(database, adapter, kind: "name", name: name, context: context)
        guard isLast,
            try Row.fetchOne(database, sql: "SELECT id FROM adapters WHERE id = ?", arguments: [adapter]) != nil
        else { return }
        try setShownName(
            database, adapter, to: try freeName(database, name, for: adapter, besides: context.deviceName))
    }

    func apply(_ database: Database, _ adapter: Data, trashed: Bool, _ context: EntryContext) throws {
        let isLast = try isLast(database, adapter, "trashed", context)
        try insertEvent(database, adapter, kind: "trashed", trashed: trashed, context: context)
        if isLast { try show(database, adapter, trashed: trashed, besides: context.deviceName) }
    }

    /// Puts an adapter into the trash or takes it out, as other devices say.
    private func show(_ database: Database, _ adapter: Data, trashed: Bool, besides device: String) throws {
        guard let row = try Row.fetchOne(database, sql: "SELECT * FROM adapters WHERE id = ?", arguments: [adapter]),
            try row.value("trashed", as: Bool.self) != trashed
        else { return }
        let name = try row.value("name", as: String.self)
        if !trashed {
            try setShownName(database, adapter, to: try freeName(database, name, for: adapter, besides: device))
        }
        try setTrashed(database, .adapter, Hex.encode(adapter), trashed, name: name, isLocal: false)
        try advance(database, adapter, changed: [])
    }

    /// Shows an adapter as those events say that still count, after others were taken away.
    ///
    /// - Parameter isDenied: whether one of those that were taken away was about the trash.
    func showWhatCounts(_ database: Database, _ adapter: Data, isDenied: Bool) throws {
        if isDenied {
            let last = try Bool.fetchOne(
                database,
                sql: """
                    SELECT trashed FROM events WHERE adapter = ? AND kind = 'trashed'
                    ORDER BY entry IS NULL DESC, lamport DESC, device DESC, seq DESC LIMIT 1
                    """, arguments: [adapter])
            try show(database, adapter, trashed: last ?? false, besides: "")
        }
        try advance(database, adapter, isCutOff: true)
    }

    /// Gives every adapter back the name that it has by what counts, where that is free.
    ///
    /// - Parameter denied: adapters whose names were changed by what counts no more; only those, or all if nil.
    func showNamesThatCount(_ database: Database, denied: Set<Data>?) throws {
        let isDenied = denied != nil
        var names: [(adapter: Data, said: String)] = []
        // Where another one had the name, there is something behind it.
        let rows = try Row.fetchAll(
            database,
            sql: "SELECT id, name FROM adapters \(isDenied ? "" : "WHERE name LIKE '%-%'") ORDER BY seq")
        for row in rows {
            let (adapter, shown) = (try row.value("id", as: Data.self), try row.value("name", as: String.self))
            guard denied?.contains(adapter) ?? true,
                let said = try Self.saidName(database, adapter).flatMap(AdapterName.normalized), said != shown,
                isDenied || shown.hasPrefix(said + "-")
            else { continue }
            names.append((adapter, said))
        }
        // Two may have been given each other's name.
        if isDenied { for name in names { try setShownName(database, name.adapter, to: Hex.encode(name.adapter)) } }
        for (adapter, said) in names {
            let free = try freeName(database, said, for: adapter, besides: "")
            if isDenied || free == said { try setShownName(database, adapter, to: free) }
        }
    }

    /// The name that the events which count give an adapter: the last that it was given, else the one it came with.
    private static func saidName(_ database: Database, _ adapter: Data) throws -> String? {
        // What waits to be published here comes after all that was.
        if let draft = try String.fetchOne(
            database,
            sql: """
                SELECT name FROM events WHERE adapter = ? AND kind = 'name' AND lamport IS NULL ORDER BY seq DESC LIMIT 1
                """, arguments: [adapter])
        {
            return draft
        }
        let given = try word(database, adapter, "name", newest: true)
        let cameWith = try word(database, adapter, "version", newest: false)
        return try Precedence.name(given: [given].compactMap(\.self), cameWith: [cameWith].compactMap(\.self)) {
            $0.place
        }?.name
            ?? String.fetchOne(
                database,
                sql: """
                    SELECT name FROM events WHERE adapter = ? AND kind = 'version' AND name IS NOT NULL AND lamport IS NULL
                    ORDER BY seq LIMIT 1
                    """, arguments: [adapter])
    }

    /// The newest, or the oldest, published event of a kind about an adapter.
    private static func word(
        _ database: Database, _ adapter: Data, _ kind: String, newest: Bool
    ) throws -> (place: Precedence, name: String?)? {
        let order = newest ? "DESC" : "ASC"
        return try Row.fetchOne(
            database,
            sql: """
                SELECT lamport, device, entry, name FROM events
                WHERE adapter = ? AND kind = ? AND lamport IS NOT NULL AND (name IS NOT NULL OR kind = 'trashed')
                ORDER BY lamport \(order), device \(order), entry \(order) LIMIT 1
                """, arguments: [adapter, kind]
        ).map { (try $0.precedence(), try $0.optional("name")) }
    }

    private func setShownName(_ database: Database, _ adapter: Data, to name: String) throws {
        try database.execute(sql: "UPDATE adapters SET name = ? WHERE id = ?", arguments: [name, adapter])
    }

    /// True if no later event of this kind is known, and none waits to be published here.
    private func isLast(_ database: Database, _ adapter: Data, _ kind: String, _ context: EntryContext) throws -> Bool {
        let waits = try Bool.fetchOne(
            database,
            sql: "SELECT EXISTS (SELECT 1 FROM events WHERE adapter = ? AND kind = ? AND lamport IS NULL)",
            arguments: [adapter, kind])
        guard waits == false else { return false }
        let place = Precedence(lamport: context.lamport, device: context.device, entry: context.entry)
        return try Self.word(database, adapter, kind, newest: true).map { $0.place < place } ?? true
    }

    /// `name`, or where another live adapter has it `name-DEVICE`, or `name-DEVICE-2` and so on.
    ///
    /// However many names others have taken, there is one: the last resort ends in the adapter's id.
    func freeName(_ database: Database, _ name: String, for adapter: Data, besides device: String) throws -> String {
        let wanted = AdapterName.normalized(name) ?? "adapter"
        let suffix = String(
            device.precomposedStringWithCanonicalMapping.map {
                $0.isLetter || $0.isNumber || $0 == "." || $0 == "_" ? $0 : "-"
            }.prefix(24))
        let stem = "\(wanted.prefix(32))-\(suffix.isEmpty ? "2" : suffix)"
        for attempt in 0..<16 {
            let candidate = attempt == 0 ? wanted : attempt == 1 ? stem : "\(stem)-\(attempt)"
            let taken =
                try Bool.fetchOne(
                    database,
                    sql: "SELECT EXISTS (SELECT 1 FROM adapters WHERE name = ? AND trashed = 0 AND id <> ?)",
                    arguments: [candidate, adapter]) ?? true
            if !taken, AdapterName.normalized(candidate) != nil { return candidate }
        }
        return "\(wanted.prefix(20))-\(Hex.encode(adapter))"
    }
}
