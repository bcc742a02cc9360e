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
        try advance(database, adapter)
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
    /// - Parameter denied: adapters whose names were changed by what counts no more.
    func showNamesThatCount(_ database: Database, denied: Set<Data>) throws {
        var names: [(adapter: Data, said: String, isDenied: Bool)] = []
        for row in try Row.fetchAll(database, sql: "SELECT id, name FROM adapters ORDER BY seq") {
            let (adapter, shown) = (try row.value("id", as: Data.self), try row.value("name", as: String.self))
            guard let said = try Self.saidName(database, adapter).flatMap(AdapterName.normalized), said != shown,
                denied.contains(adapter) || shown.hasPrefix(said + "-")
            else { continue }
            names.append((adapter, said, denied.contains(adapter)))
        }
        // Two may have been given each other's name.
        for name in names where name.isDenied { try setShownName(database, name.adapter, to: Hex.encode(name.adapter)) }
        for (adapter, said, isDenied) in names.filter(\.isDenied) + names.filter({ !$0.isDenied }) {
            let free = try freeName(database, said, for: adapter, besides: "")
            if isDenied || free == said { try setShownName(database, adapter, to: free) }
        }
    }

    /// The name that the events which count give an adapter: the last that it was given, else the one it came with.
    private static func saidName(_ database: Database, _ adapter: Data) throws -> String? {
        try String.fetchOne(
            database,
            sql: """
                SELECT name FROM events WHERE adapter = ? AND kind = 'name'
                ORDER BY entry IS NULL DESC, lamport DESC, device DESC, seq DESC LIMIT 1
                """, arguments: [adapter])
            ?? String.fetchOne(
                database,
                sql: """
                    SELECT name FROM events WHERE adapter = ? AND kind = 'version' AND name IS NOT NULL
                    ORDER BY entry IS NULL, lamport, device, seq LIMIT 1
                    """, arguments: [adapter])
    }

    private func setShownName(_ database: Database, _ adapter: Data, to name: String) throws {
        try database.execute(sql: "UPDATE adapters SET name = ? WHERE id = ?", arguments: [name, adapter])
    }

    /// True if no later event of this kind is known; equal lamport numbers are decided by the device's id.
    private func isLast(_ database: Database, _ adapter: Data, _ kind: String, _ context: EntryContext) throws -> Bool {
        try Bool.fetchOne(
            database,
            sql: """
                SELECT NOT EXISTS (SELECT 1 FROM events WHERE adapter = ? AND kind = ?
                    AND (entry IS NULL OR lamport > ? OR lamport = ? AND device > ?))
                """,
            arguments: [
                adapter, kind, Int64(clamping: context.lamport), Int64(clamping: context.lamport), Data(context.device),
            ]) ?? false
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
        for attempt in 0..<100 {
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
